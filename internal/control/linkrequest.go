package control

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
)

// LinkRequest asks for changes of a bond's device that its slaves have to follow.
type LinkRequest struct {
	MTU     int    `json:"mtu,omitempty"`
	Address string `json:"address,omitempty"`
}

// setLink changes the address, then the MTU, as the kernel does; the address is
// put back if the MTU is refused.
func (s *Server) setLink(w http.ResponseWriter, r *http.Request, b *bond.Bond) {
	var req LinkRequest
	if !decode(w, r, &req) {
		return
	}
	answer(w, nil, applyLink(r.Context(), b, &req))
}

func applyLink(ctx context.Context, b *bond.Bond, req *LinkRequest) error {
	if req.MTU == 0 && req.Address == "" {
		return &Error{Message: "request: it names neither mtu nor address", Errno: unix.EINVAL}
	}
	var before string
	if req.Address != "" {
		mac, err := net.ParseMAC(req.Address)
		if err != nil || len(mac) != 6 {
			return &Error{Message: fmt.Sprintf("address %q: want one like 02:00:00:00:00:01", cut(req.Address, shownWord)), Errno: unix.EINVAL}
		}
		st, err := b.State()
		if err != nil {
			return err
		}
		before = st.MAC
		if err := b.SetAddress(ctx, [6]byte(mac)); err != nil {
			return err
		}
	}
	if req.MTU == 0 {
		return nil
	}
	err := b.SetMTU(ctx, req.MTU)
	if err == nil || before == "" {
		return err
	}
	if mac, e := net.ParseMAC(before); e == nil {
		_ = b.SetAddress(ctx, [6]byte(mac))
	}
	return err
}

// SetLink changes a bond's MTU and address, with those of its slaves.
func (c *Client) SetLink(ctx context.Context, name string, req LinkRequest) error {
	return c.do(ctx, http.MethodPost, bondPath(name)+"/link", req, nil)
}

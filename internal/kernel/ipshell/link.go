package ipshell

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/internal/control"
)

// The MTU and the address of a bond are asked of the daemon, which gives them to
// the slaves: the installed ip would know nothing of a slave that refuses.

// takeLink takes the MTU and the address out of the words for the installed ip. ok
// is false for values that the installed ip must judge.
func (r *request) takeLink() (req control.LinkRequest, ok bool) {
	var rest []string
	for i := 0; i < len(r.words); i++ {
		word := r.words[i]
		if word != "mtu" && word != "address" || i+1 == len(r.words) {
			n := min(linkWords[word]+1, len(r.words)-i)
			rest = append(rest, r.words[i:i+n]...)
			i += n - 1
			continue
		}
		i++
		if word == "mtu" {
			n, err := strconv.ParseInt(r.words[i], 0, 32)
			if err != nil || n <= 0 {
				return req, false
			}
			req.MTU = int(n)
			continue
		}
		mac, err := net.ParseMAC(r.words[i])
		if err != nil || len(mac) != 6 {
			return req, false
		}
		req.Address = mac.String()
	}
	if req != (control.LinkRequest{}) {
		r.words = rest
	}
	return req, true
}

// changesLink reports whether r changes what the slaves of a bond have to follow.
func (r *request) changesLink() bool {
	copied := *r
	req, ok := copied.takeLink()
	return ok && req != (control.LinkRequest{})
}

// linkWordsOf is what the installed ip would be asked.
func linkWordsOf(dev string, req control.LinkRequest) []string {
	words := []string{"link", "set", "dev", dev}
	if req.Address != "" {
		words = append(words, "address", req.Address)
	}
	if req.MTU != 0 {
		words = append(words, "mtu", strconv.Itoa(req.MTU))
	}
	return words
}

// setLink asks the daemon, and prints what refused it.
func (s *Shell) setLink(ctx context.Context, p *picture, r *request) (status int, ok bool) {
	req, ok := r.takeLink()
	if !ok || req == (control.LinkRequest{}) {
		return exitOK, true
	}
	err := p.client.SetLink(ctx, r.dev, req)
	if err == nil {
		return exitOK, true
	}
	var no *control.Error
	bySlave := errors.As(err, &no) && strings.Contains(no.Message, "(slave ")
	if errors.As(err, &no) && !bySlave { // the device itself: the installed ip has the kernel's words
		if status := s.real(ctx, linkWordsOf(r.dev, req)...); status != exitOK {
			return status, false
		}
	}
	status = s.refused(err)
	if bySlave {
		s.complain("%s", no.Message)
	}
	return status, false
}

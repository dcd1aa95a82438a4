package guest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// qmp is a connection to QEMU's machine protocol.
type qmp struct {
	mu   sync.Mutex
	conn net.Conn
	in   *bufio.Reader
}

type qmpMessage struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Desc string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
	Data  struct {
		Device string `json:"device"`
	} `json:"data"`
}

func newQMP(conn net.Conn) (*qmp, error) {
	q := &qmp{conn: conn, in: bufio.NewReader(conn)}
	return q, q.execute("qmp_capabilities", nil)
}

// execute runs a command and waits for its answer.
func (q *qmp) execute(command string, arguments map[string]any) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	b, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := q.conn.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("%s: %w: %w", command, ErrHung, err)
	}
	return q.await(command, func(m qmpMessage) bool { return m.Return != nil })
}

// deleted waits until a device is out.
func (q *qmp) deleted(device string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.await("device_del "+device, func(m qmpMessage) bool {
		return m.Event == "DEVICE_DELETED" && m.Data.Device == device
	})
}

// await reads messages up to the wanted one, or an error.
func (q *qmp) await(what string, wanted func(qmpMessage) bool) error {
	if err := q.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	for {
		line, err := q.in.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("%s: %w: %w", what, ErrHung, err) // QEMU says nothing, or is gone
		}
		var m qmpMessage
		if err := json.Unmarshal(line, &m); err != nil {
			return fmt.Errorf("%s: %w: %s", what, err, line)
		}
		if m.Error != nil {
			return errors.New(what + ": " + m.Error.Desc)
		}
		if wanted(m) {
			return nil
		}
	}
}

package gotest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// FreePort is a port of 127.0.0.1 where nobody listens, for a program that takes a while until it does so itself. It is none of those from
// 32768 on, which Linux gives to whoever connects meanwhile.
func FreePort() (port int, err error) {
	const first, end, tries = 10000, 32768, 20
	for range tries {
		port = first + rand.IntN(end-first)
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}

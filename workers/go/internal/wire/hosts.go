package wire

import "net"

const loopback = "127.0.0.1"

// Addresses that are nobody's (RFC 5737 and 3849), so that the way to them is that to anywhere.
var anywhere = []string{"192.0.2.1", "2001:db8::1"}

// ToldAddress returns where others reach a server that listens at an address. If its host means all
// addresses of this host, it is the one that this host has on the way to those who are to hear it
// ("host:port"), or else on the way to anywhere, or else that of loopback. Nothing is sent.
func ToldAddress(address, towards string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !isAll(host) {
		return address
	}
	ways := anywhere
	if heard, _, err := net.SplitHostPort(Address(towards)); err == nil {
		ways = append([]string{heard}, anywhere...)
	}
	for _, way := range ways {
		if own := ownAddressTowards(way); own != nil && !own.IsLoopback() {
			return net.JoinHostPort(own.String(), port)
		}
	}
	return net.JoinHostPort(loopback, port)
}

// ToldBy returns an address that was told by somebody who was reached at another ("host:port"). If its
// host means all addresses, it is the host that was reached.
func ToldBy(address, reached string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !isAll(host) {
		return address
	}
	host, _, err = net.SplitHostPort(Address(reached))
	if err != nil {
		return address
	}
	return net.JoinHostPort(host, port)
}

func isAll(host string) bool {
	address := net.ParseIP(host)
	return host == "" || address != nil && address.IsUnspecified()
}

func ownAddressTowards(host string) net.IP {
	connection, err := net.Dial("udp", net.JoinHostPort(host, "1"))
	if err != nil {
		return nil
	}
	defer connection.Close()
	if address, ok := connection.LocalAddr().(*net.UDPAddr); ok {
		return address.IP
	}
	return nil
}

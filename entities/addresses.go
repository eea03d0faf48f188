package entities

import (
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"strings"

	"s1graph/s1"
)

// addressesOf are those of the machine's own addresses that keep holds for: the addresses of its
// network interfaces and the one it last reached the console from. They are without zones, and IPv4
// addresses in IPv6 form are turned back; loopback, unspecified, multicast and broadcast addresses,
// which many machines share, are left out as is what is no address.
func addressesOf(a *s1.Agent, keep func(netip.Addr) bool) []string {
	var kept []string
	for i := range a.NetworkInterfaces {
		kept = appendAddresses(kept, a.NetworkInterfaces[i].Inet, keep)
		kept = appendAddresses(kept, a.NetworkInterfaces[i].Inet6, keep)
	}
	return appendAddress(kept, a.LastIPToMgmt, keep)
}

// publicAddressesOf are the machine's own public addresses and the one that the console sees it come
// from, which may be that of a router in front of it.
func publicAddressesOf(a *s1.Agent) []string {
	return appendAddress(addressesOf(a, isPublic), a.ExternalIP, isPublic)
}

// gatewayAddressesOf are the addresses of the routers that the machine's interfaces use.
func gatewayAddressesOf(a *s1.Agent) []string {
	var kept []string
	for i := range a.NetworkInterfaces {
		kept = appendAddress(kept, a.NetworkInterfaces[i].GatewayIP, func(netip.Addr) bool { return true })
	}
	return kept
}

func appendAddresses(to, addresses []string, keep func(netip.Addr) bool) []string {
	for _, s := range addresses {
		to = appendAddress(to, s, keep)
	}
	return to
}

func appendAddress(to []string, s string, keep func(netip.Addr) bool) []string {
	if addr, ok := parseAddress(s); ok && keep(addr) {
		return append(to, addr.String())
	}
	return to
}

// parseAddress takes addresses with and without the length of their network.
func parseAddress(s string) (netip.Addr, bool) {
	if s == "" {
		return netip.Addr{}, false
	}
	s, _, _ = strings.Cut(strings.TrimSpace(s), "/")
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	addr = addr.Unmap().WithZone("")
	shared := addr.IsLoopback() || addr.IsUnspecified() || addr.IsMulticast() || addr == broadcast
	return addr, !shared
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func isIPv4(addr netip.Addr) bool { return addr.Is4() }
func isIPv6(addr netip.Addr) bool { return addr.Is6() }

// isPrivate holds for the networks of privateNetworks.
func isPrivate(addr netip.Addr) bool {
	return slices.ContainsFunc(privateNetworks, func(n privateNetwork) bool { return n.prefix.Contains(addr) })
}

func isPublic(addr netip.Addr) bool { return !isPrivate(addr) }

type privateNetwork struct {
	prefix netip.Prefix
	doc    string
}

// privateNetworks are those whose addresses mean something inside one organisation or on one link only.
var privateNetworks = []privateNetwork{
	{netip.MustParsePrefix("10.0.0.0/8"), "private use, RFC 1918"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private use, RFC 1918"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private use, RFC 1918"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared behind a provider's NAT, RFC 6598"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local, RFC 3927"},
	{netip.MustParsePrefix("fc00::/7"), "unique local, RFC 4193"},
	{netip.MustParsePrefix("fe80::/10"), "link-local, RFC 4291"},
}

// macAddressesOf are the hardware addresses of the machine's interfaces, in lower case with colons. Left out are
// 00:00:00:00:00:00 and ff:ff:ff:ff:ff:ff, and what is not a MAC address of six bytes. One that is a gateway's too is kept:
// a machine can be the router of another of its own interfaces.
func macAddressesOf(a *s1.Agent) []string {
	var kept []string
	for i := range a.NetworkInterfaces {
		if mac, ok := parseMAC(a.NetworkInterfaces[i].Physical); ok {
			kept = append(kept, mac)
		}
	}
	return kept
}

// parseMAC takes six bytes in hexadecimal digits with colons, dashes, dots, spaces or nothing between.
func parseMAC(s string) (string, bool) {
	mac, err := hex.DecodeString(betweenDigits.Replace(s))
	text := net.HardwareAddr(mac).String()
	return text, err == nil && len(mac) == 6 && text != "00:00:00:00:00:00" && text != "ff:ff:ff:ff:ff:ff"
}

var betweenDigits = strings.NewReplacer(":", "", "-", "", ".", "", " ", "")

//go:build !linux

package bindings

// The reactor is epoll. (The packages dbn, gateway and sim build everywhere.)
var _ = dbnloop_needs_Linux_but_its_packages_dbn_gateway_and_sim_build_everywhere

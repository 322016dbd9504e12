# Sourced by the tests of the fetch. They run in network and mount namespaces of their own, in
# which github.com is a server on the loopback (host/main.go), and nothing else can be reached.

# Runs the calling script again inside the namespaces; says so and ends, where none can be made.
enter_namespaces() {
  [ "${IN_NAMESPACES:-}" = 1 ] && return
  local own=(unshare --net --mount --pid --fork --kill-child --mount-proc)
  [ "$(id -u)" -eq 0 ] || own+=(--map-root-user)
  if ! "${own[@]}" true 2>/dev/null; then
    echo "$(basename "$0"): NOT RUN: this machine does not allow namespaces to be made"
    exit 0
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  CGO_ENABLED=0 go build -o "$work/host" ./test/databento/host
  local status=0
  IN_NAMESPACES=1 work=$work "${own[@]}" "$0" "$@" || status=$?
  exit $status
}

# Starts the server on the repositories in $work/root; what it is asked goes to
# $work/requests.
start_host() {
  printf '127.0.0.1 localhost github.com\n' >"$work/hosts"
  mount --bind "$work/hosts" /etc/hosts
  coproc HOST { exec "$work/host" -root "$work/root" -ca-out "$work/ca.pem" -requests "$work/requests" 2>"$work/host.log"; }
  host_pid=$HOST_PID
  local word
  read -r word <&"${HOST[0]}"
  [ "$word" = ready ]
  # Its authority in the place of all others, for git, CMake and whatever else asks.
  mount --bind "$work/ca.pem" /etc/ssl/certs/ca-certificates.crt
  unset GIT_SSL_CAINFO GIT_SSL_CAPATH CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR
  unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
}

stop_host() {
  kill "$host_pid"
  wait "$host_pid" 2>/dev/null || true
  umount /etc/ssl/certs/ca-certificates.crt
}

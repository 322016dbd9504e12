#!/usr/bin/env bash
# Builds the image and runs its demo once. ENGINE=podman (default) or docker.
#
# LOCAL_BASE=1 makes the base images on this machine (Debian by debootstrap, Go from the
# toolchain on PATH) for places that reach Debian's packages but no image registry. It
# proves the Dockerfile's steps, not the upstream images.
set -euo pipefail
cd "$(dirname "$0")/.."

engine=${ENGINE:-podman}
tag=${TAG:-dbnloop}
local_base=${LOCAL_BASE:-auto}
extra=()

if [ "$engine" = podman ]; then
  scripts/deps.sh container
  # chroot isolation needs no kernel features beyond a container's own.
  extra+=(--isolation chroot --network host)
fi

if [ "$local_base" = auto ]; then
  local_base=0
  timeout 60 "$engine" pull -q docker.io/library/debian:bookworm-slim >/dev/null 2>&1 || local_base=1
fi

if [ "$local_base" = 1 ]; then
  echo "docker: no image registry within reach; making the base images here" >&2
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  if ! "$engine" image exists localhost/dbnloop-debian:bookworm; then
    debootstrap --variant=minbase bookworm "$work/rootfs" >"$work/debootstrap.log" 2>&1 ||
      { tail -5 "$work/debootstrap.log" >&2; exit 1; }
    tar -C "$work/rootfs" -c . | "$engine" import -q - localhost/dbnloop-debian:bookworm >/dev/null
    rm -rf "$work/rootfs"
  fi
  mkdir -p "$work/go"
  cp -a "$(go env GOROOT)" "$work/go/go"
  cat >"$work/go/Dockerfile" <<'EOF'
FROM localhost/dbnloop-debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY go /usr/local/go
ENV PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin GOPATH=/go
EOF
  "$engine" build -q --pull=never "${extra[@]}" -t localhost/dbnloop-golang:bookworm "$work/go" >/dev/null
  extra+=(--pull=never
    --build-arg GO_IMAGE=localhost/dbnloop-golang:bookworm
    --build-arg RUNTIME_IMAGE=localhost/dbnloop-debian:bookworm)
  # A module proxy behind a private CA: lend its bundle to the build, for the build only.
  if [ -n "${SSL_CERT_FILE:-}" ]; then
    extra+=(-v "$SSL_CERT_FILE:/run/ca.pem:ro" --env SSL_CERT_FILE=/run/ca.pem)
  fi
  for name in GOPROXY GONOSUMDB GONOSUMCHECK GOFLAGS GOSUMDB; do
    value=$(go env "$name" 2>/dev/null || true)
    [ -n "$value" ] && extra+=(--env "$name=$value")
  done
fi

"$engine" build "${extra[@]}" --build-arg RUN_TESTS="${RUN_TESTS:-1}" -t "$tag" .

run=(run --rm --network none)
if [ "$engine" = podman ]; then
  run=(--runtime "$(command -v runc)" "${run[@]}"
    --ulimit nofile=1024:1024 --ulimit nproc=1024:1024)
fi
"$engine" "${run[@]}" "$tag" --demo

#!/usr/bin/env bash
# Builds the images, runs the demo once, waits until the simulator and a relay are healthy, and
# reads a record through the relay.
# ENGINE=podman (default) or docker; BASE_IMAGE and DEBIAN_SNAPSHOT as in the Dockerfile.
#
# LOCAL_BASE=1 makes the base image on this machine (Debian by debootstrap, Go from the
# toolchain on PATH) for places that reach Debian's packages but no image registry. It
# proves the Dockerfile's steps, not the upstream image, and takes the ordinary mirror.
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
  base=$(sed -n 's/^ARG BASE_IMAGE=//p' Dockerfile)
  timeout 60 "$engine" pull -q "${BASE_IMAGE:-$base}" >/dev/null 2>&1 || local_base=1
fi

if [ "$local_base" = 1 ]; then
  echo "docker: no image registry within reach; making the base image here" >&2
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
    --build-arg BASE_IMAGE=localhost/dbnloop-golang:bookworm --build-arg DEBIAN_SNAPSHOT=)
  # A module proxy behind a private CA: lend its bundle to the build, for the build only.
  if [ -n "${SSL_CERT_FILE:-}" ]; then
    extra+=(-v "$SSL_CERT_FILE:/run/ca.pem:ro" --env SSL_CERT_FILE=/run/ca.pem)
  fi
  for name in GOPROXY GONOSUMDB GONOSUMCHECK GOFLAGS GOSUMDB; do
    value=$(go env "$name" 2>/dev/null || true)
    [ -n "$value" ] && extra+=(--env "$name=$value")
  done
fi

for name in BASE_IMAGE DEBIAN_SNAPSHOT; do
  [ -z "${!name+set}" ] || [ "$local_base" = 1 ] || extra+=(--build-arg "$name=${!name}")
done
if [ "$engine" = podman ]; then
  extra+=(--format docker) # the other format knows no health check
fi
extra+=(--build-arg "SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}"
  --build-arg "RUN_TESTS=${RUN_TESTS:-1}")
"$engine" build "${extra[@]}" -t "$tag" .
"$engine" build "${extra[@]}" --target sim -t "$tag-sim" .
"$engine" build "${extra[@]}" --target relay -t "$tag-relay" .
# The packages and programs, to compare them with those of a build outside.
if [ -n "${OUT:-}" ]; then
  "$engine" build "${extra[@]}" --target packages --output "$OUT" .
fi

engine_run=("$engine")
run=(run --rm --network none --read-only --cap-drop all)
if [ "$engine" = podman ]; then
  engine_run+=(--runtime "$(command -v runc)")
  run+=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024)
fi
"${engine_run[@]}" "${run[@]}" "$tag" --demo

trap '"$engine" rm -f "$tag-sim-$$" "$tag-relay-$$" >/dev/null 2>&1; rm -rf "${work:-}"' EXIT
healthy() { # CONTAINER
  if [ "$engine" = podman ]; then
    "${engine_run[@]}" healthcheck run "$1" >/dev/null 2>&1
  else
    [ "$("$engine" inspect --format '{{.State.Health.Status}}' "$1")" = healthy ]
  fi
}
serve() { # NAME [ARG]...: starts the image of that name, and waits until its health check succeeds
  local name=$1
  shift
  "${engine_run[@]}" "${run[@]}" --tmpfs /tmp -d --name "$tag-$name-$$" "$tag-$name" "$@" >/dev/null
  for _ in $(seq 60); do
    if healthy "$tag-$name-$$"; then
      echo "docker: $tag-$name is healthy"
      return
    fi
    sleep 1
  done
  "$engine" logs "$tag-$name-$$" >&2
  echo "docker: $tag-$name is not healthy" >&2
  exit 1
}
serve sim
serve relay --demo --listen 127.0.0.1:13000 --admin 127.0.0.1:9138
"${engine_run[@]}" "${run[@]/none/container:$tag-relay-$$}" -e DATABENTO_API_KEY=db-relayDEMOrelayDEMOrelayDEMO00 \
  "$tag" --gateway 127.0.0.1:13000 -d GLBX.MDP3 -s mbo --start 0 -l 1 -J ESZ6
"$engine" image ls --format '{{.Repository}} {{.Size}}' | grep -E "(^|/)$tag(-sim|-relay)? "

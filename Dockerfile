# syntax=docker/dockerfile:1
# Three stages: the pinned toolchain, build and test in it, and a small image that holds
# dbn-tail and dbn-sim. The same make targets run here as everywhere else.
ARG GO_IMAGE=docker.io/library/golang:1.26.8-bookworm
ARG RUNTIME_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${GO_IMAGE} AS toolchain
# The compilers, CMake and the test library are pinned to the package; libssl follows its
# branch, because Debian removes the old version with each security update.
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      make git ca-certificates \
      g++=4:12.2.0-3 g++-12=12.2.0-14+deb12u1 \
      cmake=3.25.1-1 ninja-build=1.11.1-2~deb12u1 pkg-config=1.8.1-1 \
      libssl-dev=3.0.* libzstd-dev=1.5.4+dfsg2-5 libc-ares-dev=1.18.* \
      node-llhttp=8.1.0* nlohmann-json3-dev=3.11.2-2 \
      libcpp-httplib-dev=0.11.4* libhowardhinnant-date-dev=3.0.1* \
      libgtest-dev=1.12.1-0.2 libgmock-dev=1.12.1-0.2 zstd strace \
      libasio-dev=1:1.22.1-1 libuv1-dev=1.44.2-* liburing-dev=2.3-3 curl \
 && rm -rf /var/lib/apt/lists/*
ENV GOTOOLCHAIN=local GOFLAGS=-buildvcs=false
WORKDIR /src
# Modules first: they change less often than the sources.
COPY go.mod go.sum go.work ./
COPY cmd/go.mod cmd/go.sum cmd/
RUN --mount=type=cache,target=/go/pkg/mod go mod download

FROM toolchain AS build
COPY . .
ARG RUN_TESTS=1
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    if [ "${RUN_TESTS}" = 1 ]; then make test; else make build; fi \
 && make install PREFIX=/opt/dbnloop

FROM ${RUNTIME_IMAGE} AS runtime
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libssl3 libzstd1 libc-ares2 libstdc++6 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin dbnloop
COPY --from=build /opt/dbnloop/bin/dbn-tail /opt/dbnloop/bin/dbn-sim /usr/local/bin/
USER 10001
ENTRYPOINT ["/usr/local/bin/dbn-tail"]
CMD ["--demo"]

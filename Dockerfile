# syntax=docker/dockerfile:1
# The toolchain, build and test in it, and three images that hold the programs and the libraries that
# they need, and nothing else: dbn-tail (the default), dbn-sim with --target sim, and dbn-relay with
# --target relay. The same make targets run here as everywhere else.
#
# The one base image. A tag moves with each update: for a build that can be repeated bit by bit, give
# its digest, --build-arg BASE_IMAGE=docker.io/library/golang@sha256:…
ARG BASE_IMAGE=docker.io/library/golang:1.26.8-bookworm

FROM ${BASE_IMAGE} AS toolchain
# Debian's packages as they were at this time: the ordinary mirror removes a version with the next
# update. It must be newer than the base image. DEBIAN_SNAPSHOT= takes the ordinary mirror.
ARG DEBIAN_SNAPSHOT=20261127T000000Z
COPY scripts/deps.sh packaging/snapshot.sh /tmp/
RUN /tmp/snapshot.sh "${DEBIAN_SNAPSHOT}" && /tmp/deps.sh build examples package && rm -rf /var/lib/apt/lists/*
# The record types are those of the release, wherever GitHub is within reach or not.
ENV GOTOOLCHAIN=local CMAKE_ARGS=-DDBNLOOP_DATABENTO_CPP=OFF
WORKDIR /src
# Modules first: they change less often than the sources.
COPY go.mod go.sum go.work ./
COPY cmd/go.mod cmd/go.sum cmd/
RUN --mount=type=cache,target=/go/pkg/mod go mod download

FROM toolchain AS build
COPY . .
ARG RUN_TESTS=1
# The time in the packages; scripts/docker.sh gives that of the commit.
ARG SOURCE_DATE_EPOCH=0
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    if [ "${RUN_TESTS}" = 1 ]; then make test; fi \
 && make package \
 && packaging/rootfs.sh /rootfs build/bin/dbn-tail build/bin/dbn-sim \
 && packaging/rootfs.sh /relay build/bin/dbn-relay && install -d -m 0700 -o 10001 -g 10001 /relay/var/lib/dbn-relay

# What was built, for `podman build --target packages --output dist .`
FROM scratch AS packages
COPY --from=build /src/dist/ /

FROM scratch AS base
COPY --from=build /rootfs/ /
USER 10001:10001
ENV PATH=/usr/local/bin

# The live gateway on 13000 and the historical API on 8443, for tests. It is healthy when a client
# gets a record from it. (Each check is a connection, and has a number among those of --fault.)
FROM base AS sim
EXPOSE 13000 8443
ENV DATABENTO_API_KEY=db-simSIMsimSIMsimSIMsimSIMsim00
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD \
  ["dbn-tail", "-d", "GLBX.MDP3", "-s", "trades", "--gateway", "127.0.0.1:13000", "-l", "1", "-q", "-J", "ESZ6"]
ENTRYPOINT ["dbn-sim"]
CMD ["--listen", "0.0.0.0:13000", "--hist-listen", "0.0.0.0:8443"]

# Consumers on 13000, the log in /var/lib/dbn-relay. The configuration and the keys are to be mounted: see
# examples/relay/compose.yaml.
FROM scratch AS relay
COPY --from=build /relay/ /
USER 10001:10001
ENV PATH=/usr/local/bin
EXPOSE 13000
VOLUME /var/lib/dbn-relay
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["dbn-relay", "status"]
ENTRYPOINT ["dbn-relay"]
CMD ["--config", "/etc/dbn-relay/relay.toml"]

FROM base AS runtime
ENTRYPOINT ["dbn-tail"]
CMD ["--demo"]

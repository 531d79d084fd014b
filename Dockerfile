# syntax=docker/dockerfile:1
#
# The image of every role: one binary, the role is the argument (`docker run boxoffice:0.1.0 relay`).
# It holds no PostgreSQL, so `boxoffice up` needs DATABASE_URL in it; see docker-compose.yml for all roles together.

# ---- build: the same Rust as rust-toolchain.toml (k8s/check compares them) -------------------------------------
FROM rust:1.95.0-bookworm AS build

# librdkafka is built from source (make, gcc, g++, zlib), aws-lc too (gcc, cmake).
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends cmake g++ gcc make pkg-config zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY . .

# The image's own toolchain, without the developers' components that rust-toolchain.toml asks for.
ENV RUSTUP_TOOLCHAIN=1.95.0

# The caches outlive a build, so the binary leaves target/ within the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/usr/local/cargo/git \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --package boxoffice --bin boxoffice \
 && install -D --mode=0755 target/release/boxoffice /out/boxoffice

# ---- run ---------------------------------------------------------------------------------------------------------
FROM debian:bookworm-slim

# zlib for librdkafka; certificates for TLS to the databases. bash and grep, which docker-compose.yml uses to ask
# /readyz, are in the base image.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates zlib1g \
 && rm -rf /var/lib/apt/lists/*

COPY --from=build /out/boxoffice /usr/local/bin/boxoffice

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Boxoffice" \
      org.opencontainers.image.description="An event-sourced ticketing backend: every role in one binary" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# A number, so that Kubernetes can check runAsNonRoot. Nothing in the image belongs to this user.
USER 10001:10001
ENV BOXOFFICE_LISTEN=0.0.0.0:8080 \
    BOXOFFICE_LOG_FORMAT=json
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/boxoffice"]

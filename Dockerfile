# The images of docker-compose.yml. All are Debian 12, with the packages everything is tested with.
#   docker build --target sale .        (or: ingress, redis)

# Builds the programs with the Swift runtime linked statically. CHANGE if your registry names the image differently.
ARG SWIFT_IMAGE=swift:6.3-bookworm
FROM ${SWIFT_IMAGE} AS build
WORKDIR /src
COPY . .
RUN script/bootstrap --build
RUN script/build-static --to /out

# sale-api, sale-worker, salectl and stampede: the command selects one.
FROM debian:bookworm-slim AS sale
RUN apt-get update \
    && apt-get install -y --no-install-recommends libhiredis0.14 libsqlite3-0 libssl3 libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin sale \
    && install -d -o sale -g sale -m 750 /var/lib/sale
COPY --from=build /out/ /usr/local/bin/
COPY deploy/container/health /usr/local/bin/sale-health
USER sale
ENV SALE_HEALTH_PORT=8101
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 CMD ["sale-health"]
CMD ["sale-api"]

# nginx in front of the sale. site/ and tls/ are mounted. A tmpfs mounted on the state directory keeps its mode but
# belongs to root.
FROM debian:bookworm-slim AS ingress
RUN apt-get update \
    && apt-get install -y --no-install-recommends nginx-light \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10002 --no-create-home --shell /usr/sbin/nologin ingress \
    && install -d -o ingress -g ingress -m 1777 /var/lib/ingress-sale
COPY deploy/nginx/ /etc/sale/nginx/
COPY web/ /usr/share/sale/web/
COPY deploy/container/health /usr/local/bin/sale-health
USER ingress
STOPSIGNAL SIGQUIT
ENV SALE_HEALTH_PORT=8080 SALE_HEALTH_PATH=/.well-known/jwks.json
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 CMD ["sale-health"]
CMD ["nginx", "-p", "/var/lib/ingress-sale", "-c", "/etc/sale/nginx/sale.conf", "-g", "daemon off;"]

# Redis, its replicas and its Sentinels.
FROM debian:bookworm-slim AS redis
RUN apt-get update \
    && apt-get install -y --no-install-recommends redis-server redis-sentinel \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o redis -g redis -m 750 /data
COPY deploy/container/redis-node /usr/local/bin/redis-node
WORKDIR /data
VOLUME /data
USER redis
HEALTHCHECK --interval=5s --timeout=3s --retries=3 CMD ["redis-node", "health"]
CMD ["redis-node", "primary"]

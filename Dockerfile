# The service. `docker build -t event-processing-service .` does it all; build.sh is quicker the second time, because it
# begins with the dependencies that the image of Dockerfile.deps has installed already.
ARG NODE_IMAGE=node:26-bookworm-slim
ARG DEPENDENCIES=${NODE_IMAGE}

FROM ${DEPENDENCIES} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No script of any package runs: none that production needs has one.
RUN test -d node_modules || { npm ci --omit=dev --ignore-scripts && npm cache clean --force; }

FROM ${NODE_IMAGE}
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    DATA_DIR=/data
WORKDIR /app
RUN mkdir /data && chown node:node /data
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY schemas ./schemas
COPY src ./src
COPY clients/client.js ./clients/client.js
COPY dashboard ./dashboard
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 8080) + '/health/ready').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/server.ts"]

# FindMe with its own PostgreSQL and face engine: docker build -t findme . && docker run -p 8000:8000 -v findme:/data findme
FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/findme
WORKDIR /src
# the dependencies first: they change less often than the code
COPY requirements/run.lock requirements/
RUN /opt/findme/bin/pip install --no-deps --require-hashes -r requirements/run.lock
COPY . .
RUN /opt/findme/bin/pip install --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin findme \
    && install -d -o findme -g findme -m 700 /data
COPY --from=build /opt/findme /opt/findme
ENV PATH=/opt/findme/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    FINDME_HOST=0.0.0.0 \
    FINDME_PORT=8000 \
    FINDME_DATA_DIR=/data
USER findme
WORKDIR /data
VOLUME /data
EXPOSE 8000
# SIGTERM lets jobs end for 30 s: stop with a longer patience (docker stop -t 60)
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"FINDME_PORT\"]}/healthz', timeout=4)"]
CMD ["findme", "serve"]

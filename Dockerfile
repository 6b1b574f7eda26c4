# syntax=docker/dockerfile:1
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/monitor \
 && /opt/monitor/bin/pip install --no-cache-dir --require-hashes -r requirements/core.txt \
 && rm -rf /opt/monitor/lib/python3*/site-packages/numpy/*/tests \
 && rm -f /opt/monitor/lib/python3*/site-packages/zstandard/_cffi.* \
 && pip install --no-cache-dir --require-hashes --target /opt/build -r requirements/build.txt
COPY pyproject.toml README.md config.yaml ./
COPY monitor/ monitor/
COPY checks/ checks/
COPY templates/ templates/
RUN PYTHONPATH=/opt/build /opt/monitor/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
COPY --from=build /opt/monitor /opt/monitor
RUN useradd --system --uid 10001 monitor \
 && install -d -o monitor -g monitor /var/lib/monitor /etc/monitor
# glibc keeps what was large once, and a heap for each thread: a tenth of the memory.
ENV PATH=/opt/monitor/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    MALLOC_TRIM_THRESHOLD_=131072 \
    STORE_URL=sqlite:////var/lib/monitor/monitor.db
# config.yaml and checks/ are mounted here; the store survives in its volume.
WORKDIR /etc/monitor
VOLUME /var/lib/monitor
# By number, so that a cluster can prove that it is not root.
USER 10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["monitor"]
CMD ["run", "--config", "/etc/monitor/config.yaml"]

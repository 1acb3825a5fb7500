FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir --prefix=/install --require-hashes -r requirements.lock \
 && pip install --no-cache-dir --prefix=/install --no-deps .

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 gateway \
 && install -d -o gateway -g gateway /home/gateway/.local/state/fusion-router
COPY --from=build /install /usr/local
RUN install -d -o gateway -m 700 /home/gateway/.local/state/fusion-router
VOLUME /home/gateway/.local/state/fusion-router
USER gateway
WORKDIR /home/gateway
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s CMD python -c "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:8000/healthz')"
ENTRYPOINT ["fusion-router"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]

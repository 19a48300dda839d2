# shellcheck shell=bash disable=SC2154
# The packages are kept between runs, and installed again only if the list has changed.
venv=$PWD/var/peers/fastapi
if ! cmp -s bench/peers/fastapi/requirements.txt "$venv/installed.txt"; then
    say 'installing the packages of FastAPI'
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r bench/peers/fastapi/requirements.txt \
        >"$dir/install.log" 2>&1 ||
        give_up 'pip could not install FastAPI' 69
    cp bench/peers/fastapi/requirements.txt "$venv/installed.txt"
fi
REDIS_PORT=$redis_port start fastapi "$venv/bin/uvicorn" --app-dir bench/peers/fastapi app:app --host 127.0.0.1 \
    --port "$peer_port" --workers 1 --loop uvloop --http httptools --no-access-log --log-level warning

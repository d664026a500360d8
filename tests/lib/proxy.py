"""proxy.py PORT [--user NAME --password WORD] [--cut-after BYTES]: a proxy of
the house for CONNECT; tells its port when it is ready, then one line for each
tunnel: what was asked, and the answer. --cut-after ends a tunnel when so many
bytes have gone up."""
import argparse
import asyncio
import base64

args = argparse.ArgumentParser()
args.add_argument("port", type=int)
args.add_argument("--user")
args.add_argument("--password", default="")
args.add_argument("--cut-after", type=int)
args = args.parse_args()


def wanted():
    word = f"{args.user}:{args.password}".encode()
    return "Basic " + base64.b64encode(word).decode()


async def pump(reader, writer, left, both):
    try:
        while data := await reader.read(16384):
            writer.write(data)
            await writer.drain()
            if left is not None:
                left -= len(data)
                if left <= 0:
                    break
    except OSError:
        pass
    for w in both:
        w.transport.abort()


async def serve(reader, writer):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    except (OSError, asyncio.IncompleteReadError):
        writer.close()
        return
    method, target, _ = head[0].split(" ", 2)
    fields = {k.lower(): v.strip() for k, _, v in (h.partition(":") for h in head[1:])}
    status, extra = "200 Connection established", ""
    if method != "CONNECT":
        status = "405 Method Not Allowed"
    elif args.user and fields.get("proxy-authorization") != wanted():
        status, extra = "407 Proxy Authentication Required", \
            'Proxy-Authenticate: Basic realm="house"\r\nContent-Length: 0\r\n'
    print(method, target, status, flush=True)
    if not status.startswith("200"):
        writer.write(f"HTTP/1.1 {status}\r\n{extra}Connection: close\r\n\r\n".encode())
        writer.close()
        return
    host, _, port = target.rpartition(":")
    try:
        there_r, there_w = await asyncio.open_connection(host.strip("[]"), int(port))
    except OSError:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        return
    writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
    both = (writer, there_w)
    await asyncio.gather(pump(reader, there_w, args.cut_after, both),
                         pump(there_r, writer, None, both))


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", args.port)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())

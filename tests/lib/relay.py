#!/usr/bin/env python3
"""A TCP line that can be cut: relay.py LISTEN_PORT TARGET_PORT

SIGUSR1 cuts it: open connections freeze, then break; new ones are refused.
SIGUSR2 mends it. Prints "ready" when it listens, and after each signal
"bytes UP DOWN SECONDS KNOCKS", what came in of each direction so far, when, and
how often somebody came while it was cut; SIGHUP only prints.
--slow BYTES_PER_SECOND caps each direction of the whole line.
"""
import asyncio
import signal
import sys

args = [a for a in sys.argv[1:] if not a.startswith("--")]
listen, target = int(args[0]), int(args[1])
rate = int(args[2]) if "--slow" in sys.argv else 0
cut = False
knocks = 0
open_writers = set()


class Bucket:
    """Bytes that may pass now; one for each direction."""

    def __init__(self):
        self.free_at = 0.0
        self.bytes = 0

    async def take(self, n):
        self.bytes += n
        if not rate:
            return
        now = asyncio.get_running_loop().time()
        self.free_at = max(self.free_at, now) + n / rate
        await asyncio.sleep(self.free_at - now)


async def pump(reader, writer, bucket):
    try:
        while data := await reader.read(16384):
            await bucket.take(len(data))
            if cut:
                break
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.transport.abort() if cut else writer.close()
        open_writers.discard(writer)


async def main():
    up, down = Bucket(), Bucket()

    async def accept(reader, writer):
        global knocks
        if cut:
            knocks += 1
            writer.transport.abort()
            return
        try:
            there_r, there_w = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.transport.abort()
            return
        open_writers.update((writer, there_w))
        await asyncio.gather(pump(reader, there_w, up), pump(there_r, writer, down))

    def say():
        print("bytes", up.bytes, down.bytes, round(loop.time(), 3), knocks, flush=True)

    def set_cut(value):
        global cut
        cut = value
        if cut:
            for writer in list(open_writers):
                writer.transport.abort()
        say()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, set_cut, True)
    loop.add_signal_handler(signal.SIGUSR2, set_cut, False)
    loop.add_signal_handler(signal.SIGHUP, say)
    server = await asyncio.start_server(accept, "127.0.0.1", listen)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())

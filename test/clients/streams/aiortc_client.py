"""A WHIP encoder and a WHEP player made of aiortc: `publish URL` until a line comes on stdin, `play URL` until ten pictures and sounds."""
import asyncio
import json
import sys
import urllib.request
from urllib.parse import urljoin

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack


def request(method, url, body=None, headers={}):
    with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers, method=method), timeout=10) as r:
        return r.status, r.headers, r.read().decode()


async def post(pc, url):
    await pc.setLocalDescription(await pc.createOffer())
    status, headers, answer = await asyncio.to_thread(
        request, "POST", url, pc.localDescription.sdp.encode(), {"Content-Type": "application/sdp"}
    )
    await pc.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
    return urljoin(url, headers["Location"])


async def take(track, count):
    frame = None
    for _ in range(count):
        frame = await track.recv()
    return frame


async def play(url):
    pc = RTCPeerConnection()
    tracks = {}
    pc.on("track", lambda t: tracks.__setitem__(t.kind, t))
    pc.addTransceiver("audio", direction="recvonly")
    pc.addTransceiver("video", direction="recvonly")
    session = await post(pc, url)
    video = await asyncio.wait_for(take(tracks["video"], 10), 20)
    audio = await asyncio.wait_for(take(tracks["audio"], 10), 20)
    print(json.dumps({"width": video.width, "height": video.height, "rate": audio.sample_rate}), flush=True)
    await asyncio.to_thread(request, "DELETE", session)
    await pc.close()


async def publish(url):
    pc = RTCPeerConnection()
    pc.addTransceiver(AudioStreamTrack(), direction="sendonly")
    pc.addTransceiver(VideoStreamTrack(), direction="sendonly")
    session = await post(pc, url)
    print(json.dumps({"session": session}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.to_thread(request, "DELETE", session)
    await pc.close()


asyncio.run({"play": play, "publish": publish}[sys.argv[1]](sys.argv[2]))

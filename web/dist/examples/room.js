import { Room, VecheError } from '../sdk/veche-client.js';

const $ = (id) => document.getElementById(id);

function tile(key, stream, muted) {
  let video = $(key);
  if (!video) {
    video = Object.assign(document.createElement('video'), { id: key, autoplay: true, playsInline: true, width: 320, muted });
    $('tiles').append(video);
  }
  if (video.srcObject !== stream) video.srcObject = stream;
}

$('join').onclick = async () => {
  const local = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const room = await Room.join({ url: new URL('..', location.href), room: 'example room', name: 'Guest' }).catch((error) => {
    $('state').textContent = error instanceof VecheError ? `${error.code}: ${error.message}` : String(error);
    throw error;
  });
  const [mic] = local.getAudioTracks();
  room.on('stream', ({ participant, source, stream }) => tile(`${source} ${participant.id}`, stream, false));
  room.on('left', ({ participant }) => {
    for (const source of ['camera', 'screen']) $(`${source} ${participant.id}`)?.remove();
  });
  room.on('connection', ({ state }) => ($('state').textContent = state));
  await room.publish('mic', mic);
  await room.publish('camera', local.getVideoTracks()[0]);
  tile('me', room.me.stream('camera'), true);
  $('mute').onclick = () => {
    mic.enabled = !mic.enabled;
    room.setState({ mic: mic.enabled });
  };
  $('leave').onclick = () => room.leave();
  room.on('closed', ({ message }) => {
    for (const track of local.getTracks()) track.stop();
    $('tiles').replaceChildren();
    $('state').textContent = message;
    $('mute').hidden = $('leave').hidden = !($('join').hidden = false);
  });
  $('mute').hidden = $('leave').hidden = !($('join').hidden = true);
};

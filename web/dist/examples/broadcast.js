import { Room } from '../sdk/veche-client.js';

const $ = (id) => document.getElementById(id);
const tell = (text) => ($('state').textContent = text);
const join = (more) =>
  Room.join({ url: new URL('..', location.href), room: 'example broadcast', kind: 'broadcast', name: 'Guest', ...more });

// Whoever comes first to an open broadcast is its host; a token of the server says so in others.
$('speak').onclick = async () => {
  const room = await join();
  if (room.me.role === 'viewer') return tell('Somebody speaks already.');
  const local = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of local.getTracks()) await room.publish(track.kind === 'audio' ? 'mic' : 'camera', track);
  $('video').muted = true;
  $('video').srcObject = local;
  const count = () => tell(`${room.participants.size} watch`);
  room.on('joined', count);
  room.on('left', count);
  count();
};

$('watch').onclick = async () => {
  const room = await join({ role: 'viewer' });
  const { clientWidth: width, clientHeight: height } = $('video');
  room.show([{ member: 'first', source: 'camera', width, height }]);
  tell('Nobody speaks yet.');
  room.on('stream', ({ participant, source, stream, video }) => {
    if (source !== 'camera') return;
    $('video').srcObject = stream;
    tell(`${participant.name}: ${video}`);
  });
  room.on('left', () => tell(`${room.participants.size} others are here`));
};

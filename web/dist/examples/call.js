import { Room } from '../sdk/veche-client.js';

const $ = (id) => document.getElementById(id);
const name = `Guest ${Math.ceil(Math.random() * 999)}`;
const room = await Room.join({ url: new URL('..', location.href), room: 'example call', kind: 'lobby', name });
$('state').value = `You are ${name}.`;

const devices = () => navigator.mediaDevices.getUserMedia({ audio: true, video: true });

// Camera and microphone are asked for when the call is accepted, and released when it ends.
function show(call) {
  const changed = async () => {
    $('state').value = `${call.peer.name}: ${call.state} ${call.reason ?? ''}`;
    $('accept').hidden = call.state !== 'ringing' || !call.incoming;
    $('end').hidden = call.state === 'ended';
    if (call.state === 'connecting' && !call.incoming) call.setTracks(($('me').srcObject = await devices()).getTracks());
    if (call.state !== 'ended') return;
    for (const track of $('me').srcObject?.getTracks() ?? []) track.stop();
    $('me').srcObject = $('them').srcObject = null;
  };
  call.on('state', changed);
  call.on('stream', ({ stream }) => ($('them').srcObject = stream));
  $('accept').onclick = async () => call.accept(($('me').srcObject = await devices()).getTracks());
  $('end').onclick = () => call.hangup();
  changed();
}

function people() {
  const buttons = [...room.participants.values()].map((p) => {
    const button = document.createElement('button');
    button.textContent = `Ring ${p.name}`;
    button.onclick = async () => show(await room.ring(p.id, { video: true }));
    return button;
  });
  $('people').replaceChildren(...buttons);
}

room.on('joined', people);
room.on('left', people);
room.on('call', show);
people();

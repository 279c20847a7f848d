/** The player page: one <video> that plays a room by WHEP, also in a frame of somebody else's page. */
import { placeOf } from './place';
import { Player } from './player';
import { wordsFor } from './words';

function begin(): void {
  const video = document.querySelector('video');
  const status = document.querySelector('p');
  const button = document.querySelector('button');
  const mark = document.querySelector('meta[name=veche-root]')?.getAttribute('content') ?? null;
  const place = placeOf(location.href, mark);
  if (!video || !status || !button || !place) return;
  const { lang, words } = wordsFor(place.lang, navigator.languages);
  document.documentElement.lang = lang;
  document.title = words.title.replace('{room}', place.room);
  video.setAttribute('aria-label', document.title);
  const tell = (word: keyof typeof words | null) => {
    status.hidden = word === null;
    status.textContent = word === null ? '' : words[word];
  };
  const offer = () => {
    button.hidden = !video.muted && !video.paused;
    button.textContent = video.paused && video.readyState > 1 ? words.play : words.sound;
  };
  const act = () => {
    video.muted = false;
    video.play().then(offer, offer);
    offer();
  };
  button.addEventListener('click', act);
  for (const event of ['volumechange', 'playing', 'pause', 'loadeddata']) video.addEventListener(event, offer);
  if (typeof RTCPeerConnection === 'undefined') {
    tell('unsupported');
    return;
  }
  video.muted = true; // browsers begin nothing else by themselves
  offer();
  const player = new Player(place, video, tell);
  addEventListener('pagehide', () => player.stop());
  addEventListener('pageshow', (e) => e.persisted && player.start());
  void player.start();
}

begin();

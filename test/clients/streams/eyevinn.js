import { WebRTCPlayer } from '@eyevinn/webrtc-player';

globalThis.WebRTCPlayer = WebRTCPlayer;

import { expect, test } from 'vitest';
import { withoutStrayFeedback, withSilence } from '../src/sdp.js';

test('feedback for codecs that a section does not list is dropped, as Firefox leaves it behind', () => {
  const section = (more: string[]) => [
    'v=0',
    'm=audio 9 UDP/TLS/RTP/SAVPF 109',
    'a=rtcp-fb:109 transport-cc',
    'm=video 9 UDP/TLS/RTP/SAVPF 120 124',
    'a=rtcp-fb:120 nack pli',
    ...more,
    'a=rtcp-fb:* ccm fir',
    'a=rtpmap:120 VP8/90000',
    'a=rtpmap:124 rtx/90000',
    '',
  ];
  const stray = ['a=rtcp-fb:123 nack', 'a=rtcp-fb:109 nack', 'a=rtcp-fb:12 nack'];
  expect(withoutStrayFeedback(section(stray).join('\r\n'))).toBe(section([]).join('\r\n'));
});

test('a voice may be silent, other sound may not', () => {
  const sdp = (more: string) =>
    `v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1${more}\r\n` +
    'm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n';
  expect(withSilence(sdp(''), new Set(['0']))).toBe(sdp(';usedtx=1'));
  expect(withSilence(sdp(';usedtx=1'), new Set(['0']))).toBe(sdp(';usedtx=1'));
  expect(withSilence(sdp(''), new Set(['7']))).toBe(sdp(''));
});

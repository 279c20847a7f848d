/** What has to be put right in the descriptions that browsers make. */

/**
 * Drops `rtcp-fb` lines for payload types that their section does not list. Firefox leaves those of `red` and `ulpfec`
 * behind when setCodecPreferences has taken the codecs away, and Chromium refuses the whole description then.
 */
export function withoutStrayFeedback(sdp: string): string {
  let listed: string[] = [];
  return sdp
    .split('\r\n')
    .filter((line) => {
      if (line.startsWith('m=')) listed = line.split(' ').slice(3);
      const payload = /^a=rtcp-fb:(\d+) /.exec(line)?.[1];
      return payload === undefined || listed.includes(payload);
    })
    .join('\r\n');
}

/**
 * Allows the sender of these sections, in an answer, to be silent while nobody speaks (RFC 7587 §6.1, usedtx). Voices only:
 * it cuts quiet music.
 */
export function withSilence(sdp: string, mids: ReadonlySet<string>): string {
  return sdp
    .split(/(?=^m=)/m)
    .map((section) => {
      const mid = /^a=mid:(\S+)/m.exec(section)?.[1];
      const opus = /^a=rtpmap:(\d+) opus\//im.exec(section)?.[1];
      if (mid === undefined || opus === undefined || !mids.has(mid) || section.includes('usedtx=')) return section;
      return section.replace(new RegExp(`^(a=fmtp:${opus} [^\\r\\n]+)`, 'm'), '$1;usedtx=1');
    })
    .join('');
}

/** The name of the ICE credentials of a description: another one means a restart. */
export function ufragOf(sdp: string | undefined): string | undefined {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp ?? '')?.[1];
}

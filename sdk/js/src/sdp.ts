/** The one thing we mend in a description before it is sent. */

/**
 * Removes what a section says about payload types that it does not offer. Firefox leaves such feedback lines behind after
 * setCodecPreferences, and Chromium refuses the whole description for them. Our own description stays as it is.
 */
export function tidy(sdp: string): string {
  let offered: Set<string> | null = null;
  return sdp
    .split('\r\n')
    .filter((line) => {
      if (line.startsWith('m=')) {
        const [, , , ...formats] = line.split(' ');
        offered = /^m=(audio|video) /.test(line) ? new Set(formats) : null;
        return true;
      }
      const about = /^a=(?:rtcp-fb|rtpmap|fmtp):(\d+) /.exec(line)?.[1];
      return about === undefined || offered === null || offered.has(about);
    })
    .join('\r\n');
}

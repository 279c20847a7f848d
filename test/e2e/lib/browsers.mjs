// Starts Debian's Chromium and Firefox ESR with fake devices and without any traffic of their own.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';
import { out } from './paths.mjs';
import { adopt, signal } from './proc.mjs';

const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const firefoxPath = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

const quiet = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-domain-reliability',
  '--disable-client-side-phishing-detection',
  '--disable-default-apps',
  '--disable-breakpad',
  '--metrics-recording-only',
  '--no-pings',
  '--password-store=basic',
  '--mute-audio',
  '--disable-dev-shm-usage',
  '--disable-features=OptimizationHints,MediaRouter,DialMediaRouteProvider,Translate,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,AutofillServerCommunication,CertificateTransparencyComponentUpdater,InterestFeedContentSuggestions',
  '--host-resolver-rules=MAP *.google.com ~NOTFOUND, MAP *.googleapis.com ~NOTFOUND, MAP *.gvt1.com ~NOTFOUND',
  '--lang=en-US',
];
// Several people share one process, and all of them are looked at.
const awake = ['--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding'];

/** `devices`: options of the fake devices; `wrap`: a program that starts it elsewhere; `pipe`: talk to it by pipes, not by loopback. */
export async function launchChromium({ devices = 'fps=10', deny = false, flags = [], wrap, pipe = false } = {}) {
  const media = [`--use-fake-device-for-media-stream=${devices}`, `--use-fake-ui-for-media-stream${deny ? '=deny' : ''}`];
  const options = { browser: 'chrome', headless: true, pipe, args: [...quiet, ...awake, ...media, ...flags] };
  return launch('chromium', { ...options, executablePath: wrap ?? chromiumPath });
}

export async function launchFirefox({ prefs = {}, wrap } = {}) {
  return launch('firefox', {
    browser: 'firefox',
    headless: true,
    executablePath: wrap ?? firefoxPath,
    env: { ...process.env, MOZ_REMOTE_SETTINGS_DEVTOOLS: '1', MOZ_DISABLE_CONTENT_SANDBOX: '1' },
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.getusermedia.insecure.enabled': false,
      'media.peerconnection.ice.obfuscate_host_addresses': false,
      'media.autoplay.default': 0,
      'media.autoplay.blocking_policy': 0,
      'media.volume_scale': '0.0',
      'intl.accept_languages': 'en',
      'services.settings.server': 'http://localhost:1/',
      'network.captive-portal-service.enabled': false,
      'network.connectivity-service.enabled': false,
      'app.update.enabled': false,
      'datareporting.policy.dataSubmissionEnabled': false,
      'toolkit.telemetry.server': '',
      'browser.safebrowsing.malware.enabled': false,
      'browser.safebrowsing.phishing.enabled': false,
      'media.gmp-manager.updateEnabled': false,
      'extensions.getAddons.cache.enabled': false,
      // Nobody is in the background: throttled timers would make measurements of gaps worthless.
      'dom.min_background_timeout_value': 4,
      'dom.timeout.enable_budget_timer_throttling': false,
      'dom.ipc.processCount': 2,
      'fission.autostart': false,
      ...prefs,
    },
  });
}

async function launch(kind, options) {
  mkdirSync(join(out, 'profiles'), { recursive: true });
  const profile = mkdtempSync(join(out, 'profiles', `${kind}-`));
  const browser = await puppeteer.launch({
    userDataDir: profile,
    defaultViewport: null,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    protocolTimeout: 60_000,
    acceptInsecureCerts: true,
    ...options,
  });
  const child = browser.process();
  adopt(child);
  return {
    kind,
    browser,
    async close() {
      const late = setTimeout(() => signal(child, 'SIGKILL'), 4000);
      await browser.close().catch(() => {});
      clearTimeout(late);
      signal(child, 'SIGKILL'); // what is left of its group
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

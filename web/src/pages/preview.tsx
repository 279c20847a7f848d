/** The camera preview before joining: what the others will see, and what is wrong if they will not. */

import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { LocalMedia } from '../devices/media';
import { startMeter } from '../devices/meter';
import type { MediaProblem } from '../devices/problem';
import { t } from '../i18n';
import { Button, Toggle } from '../ui/button';
import { Icon } from '../ui/icons';

export function Preview({ media, muted, onMute }: { media: LocalMedia; muted: boolean; onMute(): void }): JSX.Element {
  const video = useRef<HTMLVideoElement>(null);
  const camera = media.camera.value;
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = camera ? media.stream : null;
    if (camera) void element.play().catch(() => undefined);
    return () => {
      element.srcObject = null;
    };
  }, [camera, media]);
  const { mic: micProblem, camera: cameraProblem } = media.problems.value;
  return (
    <div class="preview">
      <div class="preview-frame">
        <video ref={video} class="preview-video" hidden={!camera} muted playsInline aria-label={t('join.preview')} />
        {camera ? null : <PreviewState media={media} />}
        <div class="preview-controls">
          <Toggle
            name={t('stage.mute')}
            pressed={muted || !media.mic.value}
            on="micOff"
            off="mic"
            isOff={muted || !media.mic.value}
            warning={micProblem !== undefined}
            onToggle={() => {
              if (media.mic.peek()) onMute();
              else void media.open({ mic: true, camera: false });
            }}
          />
          <Toggle
            name={t('stage.camera')}
            pressed={camera !== null}
            on="camera"
            off="cameraOff"
            isOff={camera === null}
            warning={cameraProblem !== undefined}
            onToggle={() => {
              if (media.camera.peek()) media.close('camera');
              else void media.open({ mic: false, camera: true });
            }}
          />
        </div>
      </div>
      {media.mic.value ? <MicMeter track={media.mic.value} muted={muted} /> : null}
      <Problems media={media} />
    </div>
  );
}

function PreviewState({ media }: { media: LocalMedia }): JSX.Element {
  const opening = media.opening.value;
  return (
    <div class="preview-state">
      {opening ? <span class="spinner spinner-large" aria-hidden="true" /> : <Icon name="cameraOff" size={40} />}
      <p>{t(opening ? 'join.preview.opening' : 'join.preview.off')}</p>
    </div>
  );
}

/** A bar that moves while the person speaks. */
function MicMeter({ track, muted }: { track: MediaStreamTrack; muted: boolean }): JSX.Element {
  const level = useSignal(0);
  useEffect(() => {
    const meter = startMeter(track);
    const unsubscribe = meter.level.subscribe((value) => {
      level.value = Math.round(value * 100);
    });
    return () => {
      unsubscribe();
      meter.stop();
      level.value = 0;
    };
  }, [track, level]);
  const shown = muted ? 0 : level.value;
  return (
    <div class="meter">
      <Icon name={!muted ? 'mic' : 'micOff'} size={18} />
      {/* biome-ignore lint/a11y/useSemanticElements: a <meter> cannot be drawn the same in all browsers */}
      <div
        class="meter-bar"
        role="meter"
        aria-label={t('join.meter')}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={shown}
      >
        <div class="meter-fill" style={{ transform: `scaleX(${shown / 100})` }} />
      </div>
      <p class="field-hint">{t('join.meter.hint')}</p>
    </div>
  );
}

const explained: readonly MediaProblem[] = ['denied', 'none', 'busy', 'insecure'];

/** What is wrong and how to put it right. */
function Problems({ media }: { media: LocalMedia }): JSX.Element | null {
  const { mic, camera } = media.problems.value;
  const problem = camera ?? mic;
  if (!problem) return null;
  const both = mic !== undefined && mic === camera;
  const title = explained.includes(problem) && both ? t(`media.${problem as 'denied'}.title`) : undefined;
  // One missing device is explained by its own sentence.
  const fix =
    explained.includes(problem) && (both || problem !== 'none') ? t(`media.${problem as 'denied'}.fix`) : undefined;
  return (
    <div class="problem" role="alert">
      <Icon name="warn" size={22} />
      <div>
        {title ? <p class="problem-title">{title}</p> : null}
        {!both && mic ? <p class="problem-title">{t(`media.mic.${mic}`)}</p> : null}
        {!both && camera ? <p class="problem-title">{t(`media.camera.${camera}`)}</p> : null}
        {both && !title ? <p class="problem-title">{t(`media.camera.${problem}`)}</p> : null}
        {fix ? <p>{fix}</p> : null}
        <p>{t('join.receive')}</p>
        {problem === 'insecure' ? null : (
          <Button
            busy={media.opening.value}
            onClick={() => void media.open({ mic: mic !== undefined, camera: camera !== undefined })}
          >
            {t('app.retry')}
          </Button>
        )}
      </div>
    </div>
  );
}

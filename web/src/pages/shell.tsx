import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { App } from '../app';
import { type Lang, lang, langNames, setLang, t } from '../i18n';
import { type Route, urlOf } from '../router';
import { Icon, Logo } from '../ui/icons';

/** A link that opens a page of the app without loading it again. */
export function PageLink({
  app,
  to,
  children,
  ...rest
}: {
  app: App;
  to: Route;
  children: ComponentChildren;
  class?: string;
  'aria-label'?: string;
}): JSX.Element {
  return (
    <a
      {...rest}
      href={urlOf(to, app.root).href}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        app.router.open(to);
      }}
    >
      {children}
    </a>
  );
}

/** A page was shown before. */
let shown = false;

/** Header and main part of every page outside a conversation. */
export function Shell({
  app,
  children,
  narrow,
}: {
  app: App;
  children: ComponentChildren;
  narrow?: boolean;
}): JSX.Element {
  const { theme } = app.settings.value;
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    // After a change of page the keyboard and the screen reader begin at the new content.
    if (shown && !main.current?.contains(document.activeElement)) main.current?.focus({ preventScroll: true });
    shown = true;
  }, []);
  return (
    <>
      <a class="skip-link" href="#main">
        {t('app.skip')}
      </a>
      <header class="header">
        <PageLink app={app} to={{ page: 'start' }} class="brand" aria-label={t('app.home')}>
          <Logo />
          <span>Veche</span>
        </PageLink>
        <div class="header-tools">
          <button
            type="button"
            class="icon-button"
            aria-pressed={theme === 'light'}
            aria-label={t('app.theme.light')}
            title={t('app.theme.light')}
            onClick={() => {
              app.settings.value = { ...app.settings.peek(), theme: theme === 'light' ? 'dark' : 'light' };
            }}
          >
            <Icon name="sun" />
          </button>
          <select
            class="language"
            aria-label={t('app.language')}
            value={lang.value}
            onChange={(event) => setLang(event.currentTarget.value as Lang)}
          >
            {(Object.keys(langNames) as Lang[]).map((code) => (
              <option key={code} value={code} lang={code} selected={code === lang.value}>
                {langNames[code]}
              </option>
            ))}
          </select>
        </div>
      </header>
      <main ref={main} id="main" class={`main${narrow ? ' main-narrow' : ''}`} tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

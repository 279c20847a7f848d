/** What the player page says. */
export const en = {
  connecting: 'Connecting…',
  waiting: 'Nothing is shown yet. It begins by itself.',
  lost: 'The connection is lost. Trying again…',
  token: 'This room needs a link with a token.',
  forbidden: 'You may not watch this room.',
  missing: 'There is no such room.',
  full: 'No more can watch at the moment. Trying again…',
  codec: 'This browser cannot show the picture.',
  unsupported: 'This browser cannot play live video.',
  sound: 'Turn sound on',
  play: 'Play',
  title: 'Live: {room}',
};

export type Word = keyof typeof en;

export const ru: Record<Word, string> = {
  connecting: 'Подключение…',
  waiting: 'Трансляция ещё не идёт. Она начнётся сама.',
  lost: 'Связь потеряна. Пробуем снова…',
  token: 'Для этой комнаты нужна ссылка с токеном.',
  forbidden: 'Вам нельзя смотреть эту комнату.',
  missing: 'Такой комнаты нет.',
  full: 'Сейчас мест для зрителей нет. Пробуем снова…',
  codec: 'Этот браузер не может показать картинку.',
  unsupported: 'Этот браузер не умеет показывать живое видео.',
  sound: 'Включить звук',
  play: 'Смотреть',
  title: 'Прямой эфир: {room}',
};

/** Those of `?lang=`, else of the first language of the browser that there is. */
export function wordsFor(
  asked: string | null,
  wanted: readonly string[],
): { lang: 'en' | 'ru'; words: Record<Word, string> } {
  for (const tag of asked ? [asked, ...wanted] : wanted) {
    const base = tag.toLowerCase().split('-')[0];
    if (base === 'ru') return { lang: 'ru', words: ru };
    if (base === 'en') break;
  }
  return { lang: 'en', words: en };
}

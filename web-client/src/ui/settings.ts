/** What the person chose for this page: language, theme, sounds. */
import { effect, signal } from '@preact/signals';
import { language } from '../i18n/index.ts';
import { loadSettings, saveSettings, type Theme } from '../state/memory.ts';

const loaded = loadSettings();

export const theme = signal<Theme>(loaded.theme);
export const sounds = signal(loaded.sounds);
language.value = loaded.language;

effect(() => {
  saveSettings({ language: language.value, theme: theme.value, sounds: sounds.value });
  document.documentElement.lang = language.value;
  if (theme.value === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme.value;
});

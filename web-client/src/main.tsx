import { render } from 'preact';
import './styles/index.css';
import './ui/settings.ts';
import { App } from './ui/App.tsx';

const root = document.getElementById('app');
if (root) render(<App />, root);

import { simulatePart } from './simulate-part.js';

simulatePart(1);

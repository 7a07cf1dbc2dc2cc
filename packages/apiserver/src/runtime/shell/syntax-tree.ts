/** Shell text as a tree. Made by `syntax.ts`, played by `shell.ts`. */
export type List = readonly Statement[];

/** Pipelines joined by `&&` and `||`. */
export interface Statement {
  readonly first: Pipeline;
  readonly rest: readonly { readonly operator: '&&' | '||'; readonly pipeline: Pipeline }[];
}

export interface Pipeline {
  readonly isNegated: boolean;
  readonly commands: readonly Command[];
}

export type Command =
  | {
      readonly type: 'simple';
      readonly assignments: readonly Assignment[];
      readonly words: readonly Word[];
      readonly redirections: readonly Redirection[];
    }
  | { readonly type: 'loop'; readonly condition: List; readonly until: boolean; readonly body: List }
  | { readonly type: 'for'; readonly name: string; readonly words: readonly Word[]; readonly body: List }
  | {
      readonly type: 'if';
      readonly branches: readonly { readonly condition: List; readonly body: List }[];
      readonly otherwise: List;
    }
  /** In parentheses: what it sets and its `exit` stay inside. */
  | { readonly type: 'subshell'; readonly body: List }
  | { readonly type: 'group'; readonly body: List }
  | { readonly type: 'redirected'; readonly command: Command; readonly redirections: readonly Redirection[] };

export interface Assignment {
  readonly name: string;
  readonly value: Word;
}

export interface Redirection {
  /** 0, 1, 2, or both outputs. */
  readonly from: 0 | 1 | 2 | 'both';
  readonly mode: 'read' | 'write' | 'append' | 'duplicate';
  readonly target: Word;
}

/** Pieces that are put together; a variable or substitution outside quotes may fall into several words. */
export type Word = readonly Piece[];

export type Piece =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'variable';
      readonly name: string;
      readonly fallback: string;
      readonly isQuoted: boolean;
    }
  | { readonly type: 'command'; readonly body: List; readonly isQuoted: boolean };

export class ShellSyntaxError extends Error {
  override readonly name = 'ShellSyntaxError';
}

/** What shells are told: a function that asks `eim completion` with what is typed, and shows what it answers. */
import type { Candidate, Completion } from './complete.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** The answer begins with what the rest is: `values`, or `files` or `folders`, which the shell knows itself. */
export const scripts: Readonly<Record<Shell, string>> = {
  bash: `_eim() {
  local answer
  COMPREPLY=()
  mapfile -t answer < <(eim completion bash --line "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  case \${answer[0]} in
    files) compopt -o default ;;
    folders) compopt -o dirnames ;;
    values) COMPREPLY=("\${answer[@]:1}") ;;
  esac
}
complete -F _eim eim
`,
  zsh: `#compdef eim
_eim() {
  local -a answer values
  answer=("\${(@f)$(eim completion zsh -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  case $answer[1] in
    files) _files ;;
    folders) _files -/ ;;
    values)
      values=("\${(@)answer[2,-1]}")
      _describe -V eim values
      ;;
  esac
}
if [[ $funcstack[1] == _eim ]]; then _eim "$@"; else compdef _eim eim; fi
`,
  fish: `function __eim_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l answer (eim completion fish -- $words[2..-1] "$typed" 2>/dev/null)
    switch "$answer[1]"
        case files
            __fish_complete_path "$typed"
        case folders
            __fish_complete_directories "$typed"
        case values
            printf '%s\\n' $answer[2..-1]
    end
end
complete -c eim -f -a '(__eim_complete)'
`,
};

/** What the shell's function reads. `typed` is the word that is being completed. */
export function answerOf(shell: Shell, { candidates, files }: Completion, typed: string): string {
  if (files !== undefined) return `${files}\n`;
  const lines = candidates.map((one) => lineOf(shell, one, typed));
  return ['values', ...lines].map((line) => `${line}\n`).join('');
}

function lineOf(shell: Shell, { value, about = '' }: Candidate, typed: string): string {
  const brief = about.replace(/\p{Cc}/gu, ' ').trim();
  switch (shell) {
    case 'bash': {
      // Bash completes what comes after the last : or = of a word.
      const [done = ''] = /^.*[:=]/.exec(typed) ?? [];
      return value.slice(done.length).replace(/[^\w.,:=@%+/-]/gu, '\\$&');
    }
    case 'zsh':
      return `${value.replace(/[\\:]/g, '\\$&')}${brief === '' ? '' : `:${brief}`}`;
    case 'fish':
      return brief === '' ? value : `${value}\t${brief}`;
  }
}

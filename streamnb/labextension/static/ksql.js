// Highlighting of %%ksql cells and %ksql lines, as a prebuilt extension of JupyterLab.
//
// JupyterLab loads this file as it is, so there is no build step: it offers what a bundler's module federation would
// offer, a container with `init` and `get`, and takes CodeMirror and JupyterLab's own packages out of the scope that
// JupyterLab shares. The words of the language stand in words.json beside it, which the grammar and the functions'
// declarations write.

(() => {
  const BASE = document.currentScript.src;
  const CHARS_MAX = 200_000; // a longer cell stays as it is
  const CELL = /^\s*%%ksql\b/;
  const LINE = /^([ \t]*(?:[\w.]+[ \t]*=[ \t]*)?)(%ksql)\b(.*)$/gm;

  const TOKEN = new RegExp(
    [
      /(?<comment>--[^\n]*|\/\*[^]*?(?:\*\/|$))/,
      /(?<string>'(?:[^']|'')*'?)/,
      /(?<name>`(?:[^`]|``)*`?|"(?:[^"]|"")*"?)/,
      /(?<bound>\$\{\w*\}?|\{\{\s*\w*\s*\}?\}?|(?<![\w:]):[A-Za-z_]\w*)/,
      /(?<number>\b\d+\.?\d*(?:[eE][+-]?\d+)?\b|\.\d+\b)/,
      /(?<word>[A-Za-z_][\w@]*)/,
      /(?<operator>->|=>|:=|<>|!=|<=|>=|\|\||[-+*\/%=<>])/,
      /(?<plain>\S)/,
    ].map((part) => part.source).join("|"),
    "g",
  );

  // A word that is reserved nowhere is a name behind these, unless what follows makes it a clause: (SIZE 5, ADVANCE BY 1.
  const BEFORE_NAMES = new Set(
    (
      ". , ( [ -> => := <> != <= >= || - + * / % = < > SELECT DISTINCT FROM JOIN BY ON WHERE HAVING AND OR NOT BETWEEN LIKE " +
      "AS INTO COLUMN CASE WHEN THEN ELSE"
    ).split(" "),
  );
  const NESTED = new Set(["ARRAY", "MAP", "STRUCT"]);
  const CLAUSE = /^\s+(?:\d|:|\$\{|BY\b|PERIOD\b)/i;

  let scope; // name of a package -> version -> how to get it

  async function shared(name) {
    const versions = scope[name];
    if (!versions) throw new Error(`streamnb: JupyterLab does not share ${name}`);
    const factory = await Object.values(versions)[0].get();
    return factory();
  }

  // What stands before a word: the last words, and each bracket that is open with the word before it. A word such as TIME
  // is a type behind a name, as a part of ARRAY<…> or MAP<…>, and in CAST(… AS …); elsewhere it is a name itself.
  class Ahead {
    past = [];
    opened = [];

    take(word) {
      const before = this.past.at(-1);
      if (word === "(" || word === "[" || (word === "<" && NESTED.has(before))) this.opened.push(word + before);
      else if (word === ")" || word === "]" || (word === ">" && this.opened.at(-1)?.startsWith("<"))) this.opened.pop();
      else if (word === ";") this.opened = [];
      this.past = [...this.past.slice(-2), word];
    }

    isName(next) {
      return BEFORE_NAMES.has(this.past.at(-1)) && !CLAUSE.test(next);
    }

    isType(word, next) {
      const [named, before] = [this.past.at(-3), this.past.at(-1)];
      const within = this.opened.at(-1);
      if (NESTED.has(word) || /^\s*\(/.test(next)) return true;
      if (before === "AS") return /^\((?:TRY_)?CAST$/.test(within) || named === "TYPE" || named === "EXISTS";
      if (before === "<") return within === "<ARRAY" || within === "<MAP";
      if (before === ",") return within === "<MAP";
      return !BEFORE_NAMES.has(before);
    }
  }

  // Cuts the statements of a text into {from, to, kind}; `at` is where the text begins in the cell.
  function* statementTokens(text, at, words) {
    const ahead = new Ahead();
    for (const match of text.matchAll(TOKEN)) {
      const from = at + match.index;
      const to = from + match[0].length;
      const group = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
      const word = match[0].toUpperCase();
      if (group !== "word") yield { from, to, kind: group };
      else {
        const next = text.slice(match.index + word.length, match.index + word.length + 20);
        if (words.functions.has(word) && /^\s*\(/.test(next)) yield { from, to, kind: "function" };
        else if (words.types.has(word) && ahead.isType(word, next)) yield { from, to, kind: "type" };
        else if (words.keywords.has(word) && !(words.names.has(word) && ahead.isName(next))) yield { from, to, kind: "keyword" };
        else yield { from, to, kind: "plain" };
      }
      if (group !== "comment") ahead.take(word);
    }
  }

  function* headTokens(text, at) {
    for (const match of text.matchAll(/(?<magic>%%?ksql\b)|(?<option>--?[A-Za-z][\w-]*)|(?<plain>[^\s]+)/g)) {
      const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
      yield { from: at + match.index, to: at + match.index + match[0].length, kind };
    }
  }

  // Cuts a cell into what is to be coloured; a cell without our magics gives nothing.
  function* cellTokens(text, words) {
    if (text.length > CHARS_MAX) return;
    if (CELL.test(text)) {
      const head = text.search(/\S/);
      const end = text.indexOf("\n", head);
      yield* headTokens(end < 0 ? text.slice(head) : text.slice(head, end), head);
      if (end >= 0) yield* statementTokens(text.slice(end), end, words);
    } else if (text.includes("%ksql")) {
      for (const match of text.matchAll(LINE)) {
        const at = match.index + match[1].length;
        yield { from: at, to: at + match[2].length, kind: "magic" };
        const options = /^(?:\s+--?[A-Za-z][\w-]*(?:[ =](?!-)\w+)?)*/.exec(match[3])[0];
        yield* headTokens(options, at + match[2].length);
        yield* statementTokens(match[3].slice(options.length), at + match[2].length + options.length, words);
      }
    }
  }

  function highlighting({ EditorView, ViewPlugin, Decoration }, { Prec, EditorState }, words) {
    const marks = {};
    const mark = (kind) => (marks[kind] ??= Decoration.mark({ class: `snb-ksql snb-ksql-${kind}` }));
    const decorate = (state) => {
      const ranges = [];
      for (const { from, to, kind } of cellTokens(state.doc.toString(), words)) ranges.push(mark(kind).range(from, to));
      return Decoration.set(ranges);
    };
    const plugin = ViewPlugin.fromClass(
      class {
        constructor(view) {
          this.decorations = decorate(view.state);
        }
        update(update) {
          if (update.docChanged) this.decorations = decorate(update.state);
        }
      },
      { decorations: (value) => value.decorations },
    );
    const colour = (name, more) => ({ color: `var(--jp-mirror-editor-${name}-color) !important`, ...more });
    const upright = { fontStyle: "normal", textDecoration: "none" };
    const theme = EditorView.baseTheme({
      // The cell's own language colours the text as Python below our marks; these are the inner elements and win.
      ".snb-ksql": { color: "var(--jp-content-font-color1)", fontWeight: "normal", ...upright },
      ".snb-ksql-magic": colour("meta", { fontWeight: "bold" }),
      ".snb-ksql-option": colour("attribute"),
      ".snb-ksql-comment": colour("comment", { fontStyle: "italic" }),
      ".snb-ksql-string": colour("string"),
      ".snb-ksql-number": colour("number"),
      ".snb-ksql-keyword": colour("keyword", { fontWeight: "bold" }),
      ".snb-ksql-type": colour("builtin"),
      ".snb-ksql-function": colour("def"),
      ".snb-ksql-bound": colour("variable-2", { fontWeight: "bold" }),
      ".snb-ksql-operator": colour("operator"),
    });
    const comments = { line: "--", block: { open: "/*", close: "*/" } };
    const language = EditorState.languageData.of((state) =>
      CELL.test(state.sliceDoc(0, 200)) ? [{ commentTokens: comments }] : [],
    );
    return [Prec.highest(plugin), Prec.highest(language), theme];
  }

  async function readWords() {
    const response = await fetch(new URL("words.json", BASE));
    const lists = await response.json();
    return Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, new Set(list)]));
  }

  async function extension() {
    // Voilà loads extensions too, and has no editors: there is nothing to colour.
    if (!scope["@jupyterlab/codemirror"] || !scope["@codemirror/view"]) return { __esModule: true, default: [] };
    const [codemirror, view, state, words] = await Promise.all([
      shared("@jupyterlab/codemirror"),
      shared("@codemirror/view"),
      shared("@codemirror/state"),
      readWords(),
    ]);
    const plugin = {
      id: "streamnb:highlighting",
      description: "Colours %%ksql cells and %ksql lines.",
      autoStart: true,
      requires: [codemirror.IEditorExtensionRegistry],
      activate: (_app, registry) => {
        const { EditorExtensionRegistry } = codemirror;
        registry.addExtension({
          name: "streamnb:ksql",
          factory: () => EditorExtensionRegistry.createImmutableExtension(highlighting(view, state, words)),
        });
      },
    };
    return { __esModule: true, default: plugin };
  }

  const container = {
    init: async (shareScope) => {
      scope = shareScope;
    },
    get: async (module) => {
      if (module !== "./extension") throw new Error(`streamnb has no module ${module}`);
      const found = await extension();
      return () => found;
    },
  };
  (globalThis._JUPYTERLAB ??= {}).streamnb = container;
})();

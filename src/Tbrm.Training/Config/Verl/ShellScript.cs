using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Training.Config.Verl;

/// <summary>What a run script would pass to the trainer, read without running anything.</summary>
/// <param name="Arguments">The words after the trainer's module, in order.</param>
/// <param name="Notes">What could not be told, with lines.</param>
internal sealed record ShellLaunch(IReadOnlyList<ShellValue> Arguments, IReadOnlyList<string> Notes);

/// <summary>
/// Follows the part of bash that run scripts are made of: assignments, arrays, defaults, whole-number arithmetic, if,
/// case, [ ], and the
/// launch itself. Other commands are not run: their status is unknown, and a branch that depends on it is left out and
/// noted.
/// </summary>
internal sealed partial class ShellScript
{
    private const int MostNesting = 100;
    private static readonly string[] s_declarations = ["export", "declare", "local", "readonly", "typeset"];
    private static readonly string[] s_trainers = ["main_ppo", "main_apo", "main_dapo"];
    private static readonly string[] s_loops = ["for", "while", "until", "select"];

    private readonly string _name;
    private readonly List<ShellToken> _tokens;
    private readonly ShellVariables _variables;
    private readonly List<string> _notes;
    private readonly List<string>? _echoed;
    private List<ShellValue>? _launch;
    private bool _isOver;
    private int _at;
    private int _nesting;

    private ShellScript(string text, string name, ShellVariables? variables, List<string> notes, bool isSubstitution,
        Func<string, string?> environment)
    {
        _name = name;
        _tokens = new ShellLexer(text, name).Read();
        _notes = notes;
        _echoed = isSubstitution ? [] : null;
        _variables = variables ?? new(environment, command => Output(command, environment));
    }

    /// <summary>Reads a script.</summary>
    /// <param name="text">The script.</param>
    /// <param name="name">Its file, for messages.</param>
    /// <param name="environment">A variable of the caller's environment, or null: defaults such as <c>${LR:-1e-6}</c>
    /// yield to it.</param>
    /// <exception cref="ConfigException">It does not launch verl's trainer.</exception>
    public static ShellLaunch Read(string text, string name, Func<string, string?> environment)
    {
        ShellScript script = new(text, name, null, [], isSubstitution: false, environment);
        script.Block(run: true);
        return script._launch is { } arguments
            ? new(arguments, script._notes)
            : throw new ConfigException(
                $"{name}: expected a script that launches verl.trainer.main_ppo; found no such command");
    }

    private ShellToken? Current => _at < _tokens.Count ? _tokens[_at] : null;

    private string Word => Current?.Literal ?? "";

    private bool IsOperator(string op) => Current is { } token && token.Operator == op;

    /// <summary>Statements up to one of the words that end a block; moves onto it.</summary>
    private void Block(bool run, params string[] ends)
    {
        if (++_nesting > MostNesting)
        {
            throw Fault("is nested too deeply");
        }

        while (Current is not null && !ends.Contains(Word, StringComparer.Ordinal))
        {
            if (Current.Operator.Length > 0 && Current.Operator != "(")
            {
                _at++;
                continue;
            }

            AndOr(run && !_isOver);
        }

        _nesting--;
    }

    private bool? AndOr(bool run)
    {
        bool? status = Pipeline(run);
        while (IsOperator("&&") || IsOperator("||"))
        {
            bool isAnd = IsOperator("&&");
            _at++;
            SkipNewlines();
            bool? next = Pipeline(run && status == isAnd);
            status = status == isAnd ? next : status;
        }

        return status;
    }

    private bool? Pipeline(bool run)
    {
        bool isNegated = Word == "!";
        _at += isNegated ? 1 : 0;
        bool? status = Command(run);
        while (IsOperator("|"))
        {
            _at++;
            SkipNewlines();
            Command(run: false);
        }

        // Inside $( ), what is not run counts as failed: the text after || is then the answer.
        status ??= _echoed is null ? null : false;
        return isNegated ? !status : status;
    }

    private bool? Command(bool run)
    {
        switch (Word)
        {
            case "if":
                If(run);
                return true;
            case "case":
                Case(run);
                return true;
            case "{":
                _at++;
                Block(run, "}");
                _at++;
                return true;
            case "(":
                _at++;
                Block(run, ")");
                _at++;
                return true;
            case string loop when s_loops.Contains(loop, StringComparer.Ordinal):
                Note(run, $"the loop '{loop}' is left out");
                SkipCompound("do", "done");
                return null;
            default:
                return Simple(run);
        }
    }

    private bool? Simple(bool run)
    {
        List<ShellToken> words = [];
        while (Current is { } token)
        {
            if (token.Operator is "<" or ">" or ">>" or ">&" or "&>" or "<<" or "<<<")
            {
                _at++;
                _at += token.Operator is "<<" ? 0 : Current is { Operator.Length: 0 } ? 1 : IsOperator("&") ? 2 : 0;
            }
            else if (token.Operator == "(" && words.Count > 0
                && TrySplit(words[^1], out string name, out bool isAppended, out _))
            {
                List<ShellValue> elements = Elements(run);
                if (run)
                {
                    _variables.Set(name, elements, isAppended);
                }

                words.RemoveAt(words.Count - 1);
            }
            else if (token.Operator == "(" && words.Count == 1 && _tokens.ElementAtOrDefault(_at + 1)?.Operator == ")")
            {
                Note(run, $"the function {words[0].Literal} is left out");
                SkipCompound("{", "}");
                return null;
            }
            else if (token.Operator.Length > 0)
            {
                break;
            }
            else
            {
                words.Add(token);
                _at++;
            }
        }

        return run ? Execute(words) : null;
    }

    private List<ShellValue> Elements(bool run)
    {
        List<ShellValue> elements = [];
        _at++;
        while (Current is not null && !IsOperator(")"))
        {
            if (Current.Operator.Length == 0 && run)
            {
                elements.AddRange(_variables.Split(Current.Parts));
            }

            _at++;
        }

        _at++;
        return elements;
    }

    private bool? Execute(List<ShellToken> words)
    {
        int first = words.FindIndex(w => !s_declarations.Contains(w.Literal, StringComparer.Ordinal)
            && !(w.Literal.StartsWith('-') && words[0] != w));
        if (words.Count == 0 || first < 0)
        {
            return true;
        }

        while (first < words.Count
            && TrySplit(words[first], out string name, out bool isAppended, out IReadOnlyList<ShellPart> value))
        {
            Assign(name, value, isAppended);
            first++;
        }

        if (first == words.Count || s_declarations.Contains(words[0].Literal, StringComparer.Ordinal))
        {
            return true;
        }

        List<ShellValue> expanded = [.. words.Skip(first).SelectMany(w => _variables.Split(w.Parts))];
        return expanded.Count == 0 ? true : Run(expanded, words[first].Line);
    }

    private bool? Run(List<ShellValue> command, int line)
    {
        int trainer = command.FindIndex(w => IsTrainer(w.Text));
        if (trainer >= 0)
        {
            if (_launch is not null)
            {
                Note(run: true, "a second launch of the trainer is left out", line);
                return null;
            }

            _launch = command[(trainer + 1)..];
            return true;
        }

        switch (command[0].Text)
        {
            case "[" or "[[" or "test":
                return ShellTest.Evaluate(command[1..]);
            case "true" or ":" or "set" or "shopt" or "ulimit" or "unset":
                return true;
            case "false":
                return false;
            case "((":
                return command is [_, { IsKnown: true } sum] ? sum.Text != "0" : null;
            case "basename" or "dirname" when command is [_, { } path]:
                _echoed?.Add(command[0].Text == "basename"
                    ? path.Text[(path.Text.TrimEnd('/').LastIndexOf('/') + 1)..].TrimEnd('/')
                    : path.Text.LastIndexOf('/') is > 0 and int slash ? path.Text[..slash] : ".");
                return true;
            case "echo" or "printf":
                _echoed?.Add(string.Join(' ', command.Skip(1).Select(w => w.Text)));
                return true;
            case "exit" or "return":
                _isOver = true;
                return true;
            case "source" or ".":
                Note(run: true, $"the file {(command.Count > 1 ? command[1].Text : "")} is not read", line);
                return null;
            default:
                return null;
        }
    }

    private void Assign(string name, IReadOnlyList<ShellPart> value, bool isAppended)
    {
        ShellValue text = _variables.Join(value);
        if (isAppended)
        {
            _variables.Append(name, text);
        }
        else
        {
            _variables.Set(name, [text], isAppended: false);
        }
    }

    private ShellValue Output(string command, Func<string, string?> environment)
    {
        ShellScript inner = new(command, _name, _variables, [], isSubstitution: true, environment);
        inner.Block(run: true);
        return inner._echoed is [string only] ? new(only) : ShellValue.None;
    }

    /// <summary>Whether a word is NAME=value or NAME+=value.</summary>
    private static bool TrySplit(ShellToken word, out string name, out bool isAppended,
        out IReadOnlyList<ShellPart> value)
    {
        (name, isAppended, value) = ("", false, []);
        if (word.Parts is not [ShellText { IsQuoted: false, Text: string text }, ..])
        {
            return false;
        }

        int equals = text.IndexOf('=', StringComparison.Ordinal);
        isAppended = equals > 0 && text[equals - 1] == '+';
        name = equals > 0 ? text[..(isAppended ? equals - 1 : equals)] : "";
        if (name.Length == 0 || char.IsDigit(name[0]) || !name.All(c => char.IsLetterOrDigit(c) || c == '_'))
        {
            return false;
        }

        value = [new ShellText(text[(equals + 1)..], IsQuoted: false), .. word.Parts.Skip(1)];
        return true;
    }

    private void SkipCompound(string open, string close)
    {
        while (Current is not null && Word != open)
        {
            _at++;
        }

        int depth = 0;
        do
        {
            depth += Word == open ? 1 : Word == close ? -1 : 0;
            _at++;
        }
        while (Current is not null && depth > 0);
    }

    private void SkipNewlines()
    {
        while (IsOperator("\n") || IsOperator(";"))
        {
            _at++;
        }
    }

    private void Expect(string word)
    {
        SkipNewlines();
        if (Word != word)
        {
            throw Fault(
                $"expected '{word}', found '{Word.Replace("\n", "the end of the line", StringComparison.Ordinal)}'");
        }

        _at++;
    }

    private void Note(bool run, string text, int? line = null)
    {
        if (run)
        {
            _notes.Add(string.Create(CultureInfo.InvariantCulture, $"{_name}:{line ?? Current?.Line ?? 0}: {text}"));
        }
    }

    private ConfigException Fault(string what) => new(string.Create(CultureInfo.InvariantCulture,
        $"{_name}:{Current?.Line ?? _tokens.LastOrDefault()?.Line ?? 1}: {what}; is this a bash script?"));
}

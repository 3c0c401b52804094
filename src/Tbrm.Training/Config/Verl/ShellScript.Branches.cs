using System;
using System.IO.Enumeration;
using System.Linq;

namespace Tbrm.Training.Config.Verl;

/// <content>if and case.</content>
internal sealed partial class ShellScript
{
    private void If(bool run)
    {
        _at++;
        bool isDecided = false;
        while (true)
        {
            ShellToken? at = Current;
            bool? condition = Condition(run && !isDecided);
            bool isUnknown = run && !isDecided && condition is null, launches = isUnknown && _launch is null
                && BranchLaunches();
            if (isUnknown)
            {
                Note(run,
                    $"the condition cannot be told without running the script; its branch "
                        + $"{(launches ? "launches the trainer and is read" : "is left out")}", at?.Line);
            }

            condition = launches ? true : condition;
            Expect("then");
            Block(run && !isDecided && condition == true, "elif", "else", "fi");
            isDecided |= condition == true;
            if (Word != "elif")
            {
                break;
            }

            _at++;
        }

        if (Word == "else")
        {
            _at++;
            Block(run && !isDecided, "fi");
        }

        Expect("fi");
    }

    /// <summary>Whether the trainer is launched before the branch's end.</summary>
    private bool BranchLaunches()
    {
        int depth = 0;
        foreach (ShellToken token in _tokens.Skip(_at))
        {
            depth += token.Literal is "if" ? 1 : token.Literal is "fi" ? -1 : 0;
            if (depth < 0 || (depth == 0 && token.Literal is "elif" or "else"))
            {
                return false;
            }

            if (IsTrainer(token.Literal))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The module or file of a trainer: main_ppo, main_ppo_sync, main_apo, ...</summary>
    private static bool IsTrainer(string word)
    {
        string name = word.EndsWith(".py", StringComparison.Ordinal) ? word[..^3] : word;
        int begin = name.LastIndexOfAny(['.', '/']) + 1;
        return begin > 0 && s_trainers.Any(t => name.AsSpan(begin).StartsWith(t, StringComparison.Ordinal));
    }

    private bool? Condition(bool run)
    {
        bool? status = null;
        while (Current is not null && Word != "then")
        {
            if (Current.Operator is "\n" or ";")
            {
                _at++;
                continue;
            }

            int before = _at;
            status = AndOr(run);
            _at += _at == before ? 1 : 0;
        }

        return status;
    }

    private void Case(bool run)
    {
        int line = Current!.Line;
        _at++;
        ShellValue subject = Current is { } word ? _variables.Join(word.Parts) : ShellValue.None;
        _at++;
        SkipNewlines();
        Expect("in");
        bool isDecided = false;
        if (run && !subject.IsKnown)
        {
            Note(run, "the subject of case cannot be told without running the script; only its branch *) is read",
                line);
        }

        SkipNewlines();
        while (Current is not null && Word != "esac")
        {
            bool matches = Patterns(subject);
            Block(run && !isDecided && matches, ";;", "esac");
            isDecided |= matches;
            _at += IsOperator(";;") ? 1 : 0;
            SkipNewlines();
        }

        Expect("esac");
    }

    private bool Patterns(ShellValue subject)
    {
        bool matches = false;
        while (Current is not null && !IsOperator(")"))
        {
            if (Current.Operator.Length == 0)
            {
                ShellValue pattern = _variables.Join(Current.Parts);
                matches |= pattern.Text == "*" || (subject.IsKnown && pattern.IsKnown
                    && FileSystemName.MatchesSimpleExpression(pattern.Text, subject.Text, ignoreCase: false));
            }

            _at++;
        }

        _at++;
        return matches;
    }
}

using System;
using System.Collections.Generic;
using System.Text;

namespace Tbrm.Text.Patterns;

/// <summary>Runs a <see cref="RegexProgram"/> over a text by backtracking; the first way that matches counts, as in
/// Oniguruma.</summary>
internal ref struct RegexMatcher(ReadOnlySpan<char> text, long maxSteps)
{
    /// <summary>Where to go on when the current way fails.</summary>
    /// <param name="Pc">The instruction.</param>
    /// <param name="At">The place in the text.</param>
    /// <param name="Least">For a greedy repetition that may give characters back: not below this place; else
    /// -1.</param>
    /// <param name="Mark">For a changed loop mark: its number; else -1.</param>
    private readonly record struct Choice(int Pc, int At, int Least, int Mark);

    private readonly ReadOnlySpan<char> _text = text;
    private long _steps;

    /// <summary>The outermost program's choices; one match after the other uses it.</summary>
    private Stack<Choice>? _choices;

    /// <summary>The end of the match that starts at <paramref name="start"/>; -1 when there is none.</summary>
    /// <exception cref="TimeoutException">It takes too many steps.</exception>
    public int Match(RegexProgram program, int start)
    {
        _choices?.Clear();
        return Run(program, start, wantedEnd: -1, ref _choices);
    }

    private int Run(RegexProgram program, int start, int wantedEnd)
    {
        Stack<Choice>? choices = null;
        return Run(program, start, wantedEnd, ref choices);
    }

    private int Run(RegexProgram program, int start, int wantedEnd, ref Stack<Choice>? choices)
    {
        IReadOnlyList<RegexInstruction> code = program.Code;
        _steps += program.Marks;
        int[] marks = program.Marks == 0 ? [] : new int[program.Marks];
        int pc = 0;
        int at = start;
        while (true)
        {
            if (++_steps > maxSteps)
            {
                throw new TimeoutException();
            }

            RegexInstruction instruction = code[pc];
            bool matched = true;
            switch (instruction.Opcode)
            {
                case RegexOpcode.Match when wantedEnd < 0 || at == wantedEnd:
                    return at;
                case RegexOpcode.Match:
                    matched = false;
                    break;
                case RegexOpcode.Set:
                    matched = Take(instruction.Set!, ref at);
                    break;
                case RegexOpcode.RepeatSet:
                    matched = Repeat(instruction, pc, ref at, ref choices);
                    break;
                case RegexOpcode.Jump:
                    pc = instruction.Target - 1;
                    break;
                case RegexOpcode.TryNext:
                    (choices ??= new()).Push(new Choice(instruction.Target, at, -1, -1));
                    break;
                case RegexOpcode.TryTarget:
                    (choices ??= new()).Push(new Choice(pc + 1, at, -1, -1));
                    pc = instruction.Target - 1;
                    break;
                case RegexOpcode.Mark:
                    (choices ??= new()).Push(new Choice(0, marks[instruction.Min], -1, instruction.Min));
                    marks[instruction.Min] = at;
                    break;
                case RegexOpcode.Progress:
                    // A round that took nothing would go on for ever; leave the loop instead.
                    pc += at == marks[instruction.Min] ? 1 : 0;
                    break;
                case RegexOpcode.Anchor:
                    matched = Holds(instruction.Anchor, at);
                    break;
                case RegexOpcode.Look:
                    matched = Look(instruction, at) != instruction.Negate;
                    break;
                default:
                    int end = Run(instruction.Program!, at, -1);
                    matched = end >= 0;
                    at = matched ? end : at;
                    break;
            }

            if (matched)
            {
                pc++;
            }
            else if (!Backtrack(choices, marks, ref pc, ref at))
            {
                return -1;
            }
        }
    }

    private readonly bool Backtrack(Stack<Choice>? choices, int[] marks, ref int pc, ref int at)
    {
        while (choices != null && choices.TryPop(out Choice choice))
        {
            if (choice.Mark >= 0)
            {
                marks[choice.Mark] = choice.At;
                continue;
            }

            (pc, at) = (choice.Pc, choice.At);
            if (choice.Least >= 0)
            {
                at -= at >= 2 && char.IsLowSurrogate(_text[at - 1]) && char.IsHighSurrogate(_text[at - 2]) ? 2 : 1;
                if (at > choice.Least)
                {
                    choices.Push(choice with { At = at });
                }
            }

            return true;
        }

        return false;
    }

    private readonly bool Take(RuneSet set, ref int at)
    {
        if (at >= _text.Length)
        {
            return false;
        }

        int rune = _text[at];
        int length = 1;
        if (char.IsSurrogate(_text[at]))
        {
            Rune.DecodeFromUtf16(_text[at..], out Rune decoded, out length);
            rune = decoded.Value;
        }

        bool found = set.Contains(rune);
        at += found ? length : 0;
        return found;
    }

    private bool Repeat(RegexInstruction instruction, int pc, ref int at, ref Stack<Choice>? choices)
    {
        int count = 0;
        int least = at;
        int most = instruction.Max < 0 ? int.MaxValue : instruction.Max;
        while (count < most && Take(instruction.Set!, ref at))
        {
            count++;
            least = count == instruction.Min ? at : least;
        }

        _steps += count / 8;
        if (count < instruction.Min)
        {
            return false;
        }

        if (instruction.Mode == RepeatMode.Greedy && at > least)
        {
            (choices ??= new()).Push(new Choice(pc + 1, at, least, -1));
        }

        return true;
    }

    private bool Look(RegexInstruction instruction, int at)
    {
        if (!instruction.Behind)
        {
            return Run(instruction.Program!, at, -1) >= 0;
        }

        int start = at;
        int stepped = 0;
        foreach (int length in instruction.Program!.Lengths)
        {
            for (; stepped < length; stepped++)
            {
                if (start == 0)
                {
                    return false;
                }

                start -= start >= 2 && char.IsLowSurrogate(_text[start - 1]) && char.IsHighSurrogate(_text[start - 2])
                    ? 2 : 1;
            }

            if (Run(instruction.Program, start, at) >= 0)
            {
                return true;
            }
        }

        return false;
    }

    private readonly bool Holds(AnchorKind kind, int at) => kind switch
    {
        AnchorKind.LineStart => at == 0 || (_text[at - 1] == '\n' && at < _text.Length),
        AnchorKind.LineEnd => at == _text.Length || _text[at] == '\n',
        AnchorKind.TextStart => at == 0,
        AnchorKind.TextEnd => at == _text.Length,
        AnchorKind.TextEndOrNewline => at == _text.Length || (at == _text.Length - 1 && _text[at] == '\n'),
        AnchorKind.WordBoundary => WordBefore(at) != WordAfter(at),
        _ => WordBefore(at) == WordAfter(at),
    };

    private readonly bool WordBefore(int at)
    {
        return at > 0 && Rune.DecodeLastFromUtf16(_text[..at], out Rune rune,
            out _) == System.Buffers.OperationStatus.Done
            && UnicodeProperties.Word.Contains(rune.Value);
    }

    private readonly bool WordAfter(int at)
    {
        return at < _text.Length
            && Rune.DecodeFromUtf16(_text[at..], out Rune rune, out _) == System.Buffers.OperationStatus.Done
            && UnicodeProperties.Word.Contains(rune.Value);
    }
}

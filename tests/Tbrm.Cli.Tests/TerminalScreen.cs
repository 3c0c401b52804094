using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Tbrm.Cli.Tests;

/// <summary>What a terminal shows after some output: the sequences that this program writes, and wrapping at the last
/// column. Any other sequence is an error.</summary>
internal sealed class TerminalScreen(int columns)
{
    private readonly List<StringBuilder> _rows = [new()];
    private int _row, _column;

    /// <summary>How often a line was longer than the screen is wide.</summary>
    public int Wraps { get; private set; }

    /// <summary>Whether any colour was set.</summary>
    public bool IsColoured { get; private set; }

    /// <summary>The rows without blanks at their ends, without empty rows at the end.</summary>
    public string[] Rows =>
        [.. _rows.Select(r => r.ToString().TrimEnd()).Reverse().SkipWhile(r => r.Length == 0).Reverse()];

    public TerminalScreen Feed(string output)
    {
        for (int i = 0; i < output.Length; i++)
        {
            switch (output[i])
            {
                case '\r':
                    _column = 0;
                    break;
                case '\n':
                    // The terminal's driver adds the return to the column 0.
                    MoveTo(_row + 1, 0);
                    break;
                case '\u001b':
                    i = Sequence(output, i);
                    break;
                default:
                    Put(output[i]);
                    break;
            }
        }

        return this;
    }

    private void Put(char letter)
    {
        if (_column == columns)
        {
            Wraps++;
            MoveTo(_row + 1, 0);
        }

        StringBuilder row = _rows[_row];
        while (row.Length <= _column)
        {
            row.Append(' ');
        }

        row[_column++] = letter;
    }

    private int Sequence(string output, int at)
    {
        if (output[at + 1] is '=' or '>')
        {
            return at + 1;
        }

        int end = at + 2;
        while (!char.IsAsciiLetter(output[end]))
        {
            end++;
        }

        string number = output[(at + 2)..end];
        switch (output[end])
        {
            // Modes of keyboard and cursor, which the runtime sets.
            case 'h' or 'l' when number.StartsWith('?'):
                break;
            case 'm':
                IsColoured = true;
                break;
            case 'A':
                MoveTo(Math.Max(0, _row - (number.Length == 0 ? 1 : int.Parse(number, CultureInfo.InvariantCulture))),
                    _column);
                break;
            case 'K' when number.Length == 0:
                Cut(_rows[_row]);
                break;
            case 'J' when number.Length == 0:
                Cut(_rows[_row]);
                _rows.RemoveRange(_row + 1, _rows.Count - _row - 1);
                break;
            default:
                throw new InvalidOperationException($"sequence {output[at..(end + 1)][1..]}");
        }

        return end;
    }

    private void Cut(StringBuilder row) => row.Length = Math.Min(row.Length, _column);

    private void MoveTo(int row, int column)
    {
        (_row, _column) = (row, column);
        while (_rows.Count <= row)
        {
            _rows.Add(new());
        }
    }
}

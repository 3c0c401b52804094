using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Tbrm.Verify.Graders;

/// <summary>What a grading program did that leaves no doubt that its lines and the questions have come apart; the
/// worker must not be used again.</summary>
internal sealed class ProtocolException(string message) : Exception(message);

/// <summary>One running copy of a grading program; used by one thread at a time.</summary>
internal sealed class CommandWorker : IDisposable
{
    /// <summary>The longest line that is read: a program that writes without end fills no memory.</summary>
    private const int MaxLine = 1 << 20;

    private const int Shown = 80;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private readonly Process _process;
    private readonly string _mark;
    private readonly Stream _output;
    private readonly byte[] _chunk = new byte[16384];
    private readonly MemoryStream _line = new();
    private Task<int> _read;
    private int _at;
    private int _filled;
    private bool _begun;
    private bool _broken;

    private CommandWorker(Process process, string mark)
    {
        _process = process;
        _mark = mark;
        _output = process.StandardOutput.BaseStream;
        _read = ReadMore();
        _ = Forward(process.StandardError);
    }

    /// <summary>Whether the program has given back a question's id, after which every answer must.</summary>
    public bool Echoes { get; set; }

    public static CommandWorker Start(string[] command)
    {
        string mark = Guid.NewGuid().ToString("N");
        ProcessStartInfo start = new(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardErrorEncoding = new UTF8Encoding(false),
            UseShellExecute = false,
        };
        start.Environment[DescendantProcesses.Variable] = mark;
        return new CommandWorker(Process.Start(start) ?? throw new FileNotFoundException("the program did not start"),
            mark);
    }

    /// <summary>The program's answer to one line; null when it ended instead.</summary>
    /// <exception cref="OperationCanceledException">The time is up; the worker must not be used again.</exception>
    /// <exception cref="ProtocolException">The program wrote before it was asked.</exception>
    public string? Ask(string line, CancellationToken stop)
    {
        try
        {
            RefusePending("before it was asked");

            // Beside the reading: a program that writes before it reads would otherwise wait for us, and we for it.
            Task write = Write(line, stop);
            string? answer = NextLine(stop);
            if (answer is null)
            {
                return null;
            }

            write.WaitAsync(s_patience, stop).GetAwaiter().GetResult();
            return answer;
        }
        catch (IOException)
        {
            return null;
        }
        catch (TimeoutException)
        {
            _broken = true;
            throw new ProtocolException("the program answered before it had read the question");
        }
        catch (Exception e) when (e is OperationCanceledException or ProtocolException)
        {
            _broken = true;
            throw;
        }
    }

    /// <summary>An answer is one line.</summary>
    /// <exception cref="ProtocolException">More than that was written.</exception>
    public void RefuseMore() => RefusePending("besides its answer");

    public void Dispose()
    {
        try
        {
            // A program that was left in order ends by itself at the end of its input, and may have things to write
            // down.
            _process.StandardInput.Close();
            if (_broken || !_process.WaitForExit(s_patience))
            {
                _process.Kill(entireProcessTree: true);
                _process.WaitForExit(s_patience);
            }
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or System.ComponentModel.Win32Exception)
        {
            // It ended by itself in between.
        }

        DescendantProcesses.Kill(_mark);
        _process.Dispose();
        _line.Dispose();
    }

    public static string Shortened(string text) => text.Length > Shown ? text[..Shown] + "..." : text;

    /// <summary>What stands in the pipe while no question is open was meant for none.</summary>
    private void RefusePending(string when)
    {
        while (_at < _filled || (_read.IsCompletedSuccessfully && _read.Result > 0))
        {
            if (_at == _filled)
            {
                Take(_read.Result);
            }

            ReadOnlySpan<byte> rest = _chunk.AsSpan(_at, _filled - _at);
            if (rest.ContainsAnyExcept(" \t\r\n"u8))
            {
                string text = Encoding.UTF8.GetString(rest).Trim();
                int end = text.IndexOf('\n', StringComparison.Ordinal);
                throw new ProtocolException(
                    $"the program wrote '{Shortened((end < 0 ? text : text[..end]).Trim())}' {when}; what is no "
                        + $"answer belongs on stderr");
            }

            _at = _filled;
            _read = ReadMore();
        }
    }

    /// <summary>The next line that is not blank; null at the end of the output.</summary>
    private string? NextLine(CancellationToken stop)
    {
        _line.SetLength(0);
        while (true)
        {
            if (_at == _filled)
            {
                int count = _read.WaitAsync(stop).GetAwaiter().GetResult();
                if (count == 0)
                {
                    return _line.Length > 0 ? Text() : null;
                }

                Take(count);
                _read = Task.FromResult(0);
            }

            int end = _chunk.AsSpan(_at, _filled - _at).IndexOf((byte)'\n');
            int length = end < 0 ? _filled - _at : end;
            _line.Write(_chunk, _at, length);
            _at += end < 0 ? length : length + 1;
            if (_line.Length > MaxLine)
            {
                throw new ProtocolException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"the program wrote a line of over {MaxLine} bytes, which begins with '{Shortened(Text())}'"));
            }

            if (_at == _filled)
            {
                _read = ReadMore();
            }

            if (end >= 0)
            {
                string text = Text();
                if (text.Length > 0)
                {
                    return text;
                }

                _line.SetLength(0);
            }
        }
    }

    private async Task Write(string line, CancellationToken stop)
    {
        await _process.StandardInput.WriteLineAsync(line.AsMemory(), stop).ConfigureAwait(false);
        await _process.StandardInput.FlushAsync(stop).ConfigureAwait(false);
    }

    private string Text() => Encoding.UTF8.GetString(_line.GetBuffer(), 0, (int)_line.Length).Trim();

    private void Take(int count)
    {
        (_at, _filled) = (0, count);

        // Programs of some systems begin with the mark of UTF-8.
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        if (!_begun && _chunk.AsSpan(0, count).StartsWith(mark))
        {
            _at = mark.Length;
        }

        _begun = true;
    }

    private Task<int> ReadMore() => _output.ReadAsync(_chunk, 0, _chunk.Length);

    /// <summary>What the program says on stderr goes to ours, which makes control characters visible.</summary>
    private static async Task Forward(StreamReader error)
    {
        char[] buffer = new char[1024];
        try
        {
            for (int count = await error.ReadAsync(buffer)
                .ConfigureAwait(false); count > 0; count = await error.ReadAsync(buffer).ConfigureAwait(false))
            {
                await Console.Error.WriteAsync(new string(buffer, 0, count)).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The program was ended.
        }
    }
}

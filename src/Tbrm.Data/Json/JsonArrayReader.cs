using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Data.Json;

/// <summary>
/// Streams a JSON file that is one list of objects, however it is laid out. Only the bounds of the elements are found
/// here (brackets outside of strings); each element is then parsed strictly on its own.
/// </summary>
internal sealed class JsonArrayReader(Stream stream, string name, int maxElementBytes)
{
    private readonly byte[] _buffer = new byte[1 << 16];
    private byte[] _element = new byte[1 << 12];
    private int _elementLength;
    private int _next;
    private int _end;
    private long _line = 1;

    /// <summary>The elements, each with the line it begins on.</summary>
    /// <exception cref="DataException">The text is no list of objects; the message begins with
    /// <c>file:line</c>.</exception>
    public IEnumerable<JsonLine> Read()
    {
        int first = NextSignificant();
        if (first != '[')
        {
            throw Error("expected a list ([...])");
        }

        int c = NextSignificant();
        bool more = c != ']';
        while (more)
        {
            long line = _line;
            CopyElement(c);
            JsonObject row = StrictJson.ParseObject(_element.AsSpan(0, _elementLength), $"{name}:{line}");
            yield return new JsonLine(row, line);

            c = NextSignificant();
            more = c == ',' || (c == ']' ? false : throw Error("expected ',' or ']' after an element of the list"));
            c = more ? NextSignificant() : c;
        }

        if (NextSignificant() >= 0)
        {
            throw Error("there is more after the list");
        }
    }

    /// <summary>Copies one element, which begins with <paramref name="first"/>, up to its closing bracket.</summary>
    private void CopyElement(int first)
    {
        if (first != '{')
        {
            throw Error("every element of the list must be an object ({...})");
        }

        _elementLength = 0;
        int depth = 0;
        bool inString = false, escaped = false;
        for (int c = first; ; c = NextByte())
        {
            if (c < 0)
            {
                throw Error("the file ends inside of an element");
            }

            Append((byte)c);
            if (inString)
            {
                inString = escaped || c != '"';
                escaped = !escaped && c == '\\';
            }
            else if (c == '"')
            {
                inString = true;
            }
            else if (c is '{' or '[')
            {
                depth++;
            }
            else if (c is '}' or ']' && --depth == 0)
            {
                return;
            }
        }
    }

    private void Append(byte c)
    {
        if (_elementLength >= maxElementBytes)
        {
            throw Error($"the element is longer than {maxElementBytes} bytes");
        }

        if (_elementLength == _element.Length)
        {
            Array.Resize(ref _element, (int)Math.Min((long)_element.Length * 2, maxElementBytes));
        }

        _element[_elementLength++] = c;
    }

    private int NextSignificant()
    {
        int c = NextByte();
        while (c is ' ' or '\t' or '\r' or '\n')
        {
            c = NextByte();
        }

        return c;
    }

    private int NextByte()
    {
        if (_next == _end)
        {
            _end = Fill();
            _next = 0;
            if (_end == 0)
            {
                return -1;
            }
        }

        byte c = _buffer[_next++];
        _line += c == '\n' ? 1 : 0;
        return c;
    }

    private int Fill()
    {
        try
        {
            return stream.Read(_buffer);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new DataException($"{name}:{_line}: cannot be read: {e.Message}", e);
        }
    }

    private DataException Error(string what) => new($"{name}:{_line}: {what}");
}

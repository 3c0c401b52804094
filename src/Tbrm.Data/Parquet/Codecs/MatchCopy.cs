using System;

namespace Tbrm.Data.Parquet.Codecs;

/// <summary>Copying from what was already written, as every LZ77 codec does.</summary>
internal static class MatchCopy
{
    /// <summary>Repeats <paramref name="length"/> bytes from <paramref name="offset"/> bytes back; source and target
    /// may overlap.</summary>
    /// <exception cref="MalformedException">The offset reaches before the beginning, or the length behind the
    /// end.</exception>
    public static void Copy(Span<byte> target, int written, int offset, int length)
    {
        if (offset <= 0 || offset > written || length > target.Length - written)
        {
            throw new MalformedException(
                $"a match of {length} bytes from {offset} back at {written} of {target.Length}");
        }

        if (offset >= length)
        {
            target.Slice(written - offset, length).CopyTo(target[written..]);
            return;
        }

        if (offset == 1)
        {
            target.Slice(written, length).Fill(target[written - 1]);
            return;
        }

        // What has been copied doubles the pattern, so each further step copies twice as much.
        int start = written - offset;
        for (int done = 0; done < length;)
        {
            int step = Math.Min(offset + done, length - done);
            target.Slice(start, step).CopyTo(target[(written + done)..]);
            done += step;
        }
    }
}

namespace Tbrm.Data.Parquet.Encodings;

/// <summary>ULEB128 integers, as the encodings use them.</summary>
internal static class Varint
{
    /// <summary>Reads one and moves <paramref name="position"/> behind it.</summary>
    public static ulong Read(byte[] data, ref int position, int end)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (position >= end)
            {
                throw new MalformedException("an integer goes on behind the end of its data");
            }

            byte next = data[position++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw new MalformedException("an integer of more than 64 bits");
    }

    public static long ReadZigZag(byte[] data, ref int position, int end)
    {
        ulong value = Read(data, ref position, end);
        return (long)(value >> 1) ^ -(long)(value & 1);
    }
}

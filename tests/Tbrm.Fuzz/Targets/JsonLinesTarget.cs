using System;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using Tbrm.Core.Errors;
using Tbrm.Data.Prompts;
using Tbrm.Data.Sources;
using Tbrm.Fuzz.Mutation;

namespace Tbrm.Fuzz.Targets;

/// <summary>JSONL and JSON lists, plain or packed: their rows, and the prompts that they are.</summary>
internal sealed class JsonLinesTarget : IFuzzTarget
{
    private static readonly string[] s_rows =
    [
        """{"data_source":"math_dapo","prompt":[{"role":"user","content":"What is 1+1?\n\nRemember"}],"ability":"MATH","reward_model":{"ground_truth":"2","style":"rule"},"extra_info":{"index":"a-1"}}""",
        """{"id":60,"problem":"Find \\dfrac{1}{2}.","solution":"It is \\boxed{\\frac{1}{2}}.","answer":"025","url":"u","question":"Find \\dfrac{1}{2}."}""",
        """{"id":1606,"subfield":"Algebra","context":null,"question":"Q $x$","solution":["s"],"final_answer":["$\\sqrt{2}$"],"is_multiple_answer":false,"unit":null,"answer_type":"Numerical","error":null}""",
        """{"problem":"p","answer":27.0}""", """{"question":"q","answer":"It is 3.\n#### 3"}""",
        """{"text":"\u00e9\ud83d\ude00","n":[1,2.5e3,-0,true,null,{}]}""",
    ];

    private readonly TemporaryInput _file = new("rows.jsonl");

    /// <inheritdoc/>
    public string Name => "jsonl";

    /// <inheritdoc/>
    public long AllocationLimit => 256L << 20;

    /// <inheritdoc/>
    public byte[] Create(Random random)
    {
        string[] rows = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => s_rows[random.Next(s_rows.Length)])];
        if (random.Next(4) > 0)
        {
            int at = random.Next(rows.Length);
            rows[at] = new JsonMutation(random).Mutate(rows[at], s_rows[random.Next(s_rows.Length)]);
        }

        bool isArray = random.Next(3) == 0;
        string separator = random.Next(4) switch { 0 => "\r\n", 1 => "\n\n", _ => "\n" };
        string text = isArray ? $" [{string.Join(",\n", rows)}]" : string.Join(separator, rows);
        byte[] bytes = Encoding.UTF8.GetBytes(random.Next(8) == 0 ? "\uFEFF" + text : text);
        bytes = random.Next(2) == 0 ? ByteMutation.Mutate(bytes, Encoding.UTF8.GetBytes(s_rows[0]), random) : bytes;
        if (random.Next(6) > 0)
        {
            return bytes;
        }

        byte[] packed = Pack(random.Next(20) == 0 ? [.. bytes, .. new byte[20_000_000]] : bytes);
        return random.Next(2) == 0 ? ByteMutation.Mutate(packed, bytes, random) : packed;
    }

    /// <inheritdoc/>
    public bool Run(byte[] input)
    {
        string path = _file.Write(input);
        bool accepted = true;
        foreach (Func<int> read in new Func<int>[] { () => RowFile.Read(path).Count(),
            () => new PromptReader([path], new PromptOptions()).Read().Count() })
        {
            try
            {
                read();
            }
            catch (DataException)
            {
                accepted = false;
            }
        }

        return accepted;
    }

    private static byte[] Pack(byte[] bytes)
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Tbrm.Testing.Parquet;

namespace Tbrm.Fuzz.Mutation;

/// <summary>Edits of a Thrift structure that leave it one, mostly: other numbers, lengths, types, counts and
/// depths.</summary>
internal static class ThriftMutation
{
    private const int BinaryType = 8;
    private const int ListType = 9;
    private const int StructType = 12;

    /// <summary>One to four edits, in place.</summary>
    public static void Mutate(ThriftValue root, Random random)
    {
        for (int edits = random.Next(1, 5); edits > 0; edits--)
        {
            List<ThriftValue> nodes = [.. Nodes(root)];
            Edit(nodes[random.Next(nodes.Count)], nodes[random.Next(nodes.Count)], random);
        }
    }

    private static IEnumerable<ThriftValue> Nodes(ThriftValue value) =>
        value.Items.SelectMany(item => Nodes(item.Value)).Prepend(value);

    private static void Edit(ThriftValue node, ThriftValue donor, Random random)
    {
        switch (node.Type)
        {
            case 1 or 2:
                node.Type = 3 - node.Type;
                break;
            case 3 or 4 or 5 or 6:
                node.Number = random.Next(3) == 0 ? node.Number + random.Next(-3, 4) : random.Next(3) == 0
                    ? random.Next(16) : ByteMutation.ExtremeNumber(random);
                break;
            case 7:
                node.Bytes = BitConverter.GetBytes(double.NaN);
                break;
            case BinaryType:
                node.Bytes = Encoding.UTF8.GetBytes(HostileText.Text(random));
                node.ClaimedCount = random.Next(4) == 0 ? (ulong)ByteMutation.ExtremeNumber(random) : null;
                break;
            default:
                EditContainer(node, donor, random);
                break;
        }
    }

    private static void EditContainer(ThriftValue node, ThriftValue donor, Random random)
    {
        int at = node.Items.Count == 0 ? 0 : random.Next(node.Items.Count);
        switch (random.Next(8))
        {
            case 0 when node.Items.Count > 0:
                node.Items.RemoveAt(at);
                break;
            case 1 when node.Items.Count > 0:
                int copies = random.Next(12) == 0 ? 3000 : 1;
                node.Items.InsertRange(at,
                    Enumerable.Range(0, copies).Select(_ => (node.Items[at].Id, node.Items[at].Value.Clone()))
                    .ToArray());
                break;
            case 2 when node.Items.Count > 0:
                node.Items[at] = (node.Type == StructType ? random.Next(0, 16) : 0, node.Items[at].Value);
                break;
            case 3 when node.Items.Count > 0:
                int other = random.Next(node.Items.Count);
                (node.Items[at], node.Items[other]) = (node.Items[other], node.Items[at]);
                break;
            case 4 when node.Type != StructType:
                node.ClaimedCount = (ulong)ByteMutation.ExtremeNumber(random);
                break;
            case 5 when node.Type != StructType:
                node.ElementType = random.Next(16);
                break;
            case 6:
                node.Items.Insert(at, (random.Next(1, 16), Deep(random)));
                break;
            default:
                if (Nodes(donor).Take(200).Count() < 200)
                {
                    node.Items.Insert(at, (random.Next(1, 16), donor.Clone()));
                }

                break;
        }
    }

    private static ThriftValue Deep(Random random)
    {
        int depth = random.Next(4) == 0 ? 20_000 : random.Next(1, 40);

        // A struct in field 1 of a struct, or a list as the one element of a list.
        bool isStruct = random.Next(2) == 0;
        byte[] open = [.. Enumerable.Repeat(isStruct ? (byte)0x1C : (byte)0x19, depth)];
        return new ThriftValue { Type = isStruct ? StructType : ListType, Raw = [.. open, .. new byte[depth + 1]] };
    }
}

using System;
using System.IO;
using Google.Protobuf;

namespace Tbrm.Training.Metrics.TensorBoard;

/// <summary>
/// TensorFlow's <c>Event</c> message, as far as TensorBoard reads it for scalars. Written through protobuf's own
/// encoder field by field:
/// three messages with eight fields between them do not justify a schema compiler in everybody's build.
/// </summary>
internal static class EventMessage
{
    // Field numbers of tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
    private const int WallTimeField = 1, StepField = 2, FileVersionField = 3, SummaryField = 5, SessionLogField = 7;
    private const int SummaryValueField = 1, TagField = 1, SimpleValueField = 2, SessionStatusField = 1;
    private const int SessionStart = 1;

    /// <summary>Version 2: TensorBoard takes a session start in such a file as the order to forget later
    /// steps.</summary>
    private const string FileVersion = "brain.Event:2";

    /// <summary>The first record of every file. <paramref name="wallTime"/>: seconds since 1970.</summary>
    public static byte[] Version(double wallTime) => Encode(wallTime, 0, output =>
    {
        output.WriteTag(FileVersionField, WireFormat.WireType.LengthDelimited);
        output.WriteString(FileVersion);
    });

    /// <summary>A session that begins with <paramref name="step"/>: what earlier files say of this step and later ones
    /// no longer holds.</summary>
    public static byte[] Start(double wallTime, long step) => Encode(wallTime, step, output =>
        WriteMessage(output, SessionLogField, log =>
        {
            log.WriteTag(SessionStatusField, WireFormat.WireType.Varint);
            log.WriteEnum(SessionStart);
        }));

    /// <summary>The scalars of a step, tag by tag. TensorBoard holds fp32.</summary>
    public static byte[] Scalars(double wallTime, long step, MetricSet metrics) => Encode(wallTime, step, output =>
        WriteMessage(output, SummaryField, summary =>
        {
            foreach (string name in metrics.Names)
            {
                WriteMessage(summary, SummaryValueField, value =>
                {
                    value.WriteTag(TagField, WireFormat.WireType.LengthDelimited);
                    value.WriteString(name);
                    value.WriteTag(SimpleValueField, WireFormat.WireType.Fixed32);
                    value.WriteFloat((float)metrics[name]);
                });
            }
        }));

    private static byte[] Encode(double wallTime, long step, Action<CodedOutputStream> body)
    {
        using MemoryStream bytes = new();
        using (CodedOutputStream output = new(bytes, leaveOpen: true))
        {
            output.WriteTag(WallTimeField, WireFormat.WireType.Fixed64);
            output.WriteDouble(wallTime);
            if (step != 0)
            {
                // proto3 leaves out what is zero.
                output.WriteTag(StepField, WireFormat.WireType.Varint);
                output.WriteInt64(step);
            }

            body(output);
        }

        return bytes.ToArray();
    }

    private static void WriteMessage(CodedOutputStream output, int field, Action<CodedOutputStream> body)
    {
        using MemoryStream bytes = new();
        using (CodedOutputStream inner = new(bytes, leaveOpen: true))
        {
            body(inner);
        }

        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(bytes.GetBuffer(), 0, (int)bytes.Length));
    }
}

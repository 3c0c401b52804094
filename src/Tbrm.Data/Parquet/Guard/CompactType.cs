namespace Tbrm.Data.Parquet.Guard;

/// <summary>Field types of Thrift's compact protocol. A boolean field carries its value in its type.</summary>
internal enum CompactType
{
    Stop = 0,
    True = 1,
    False = 2,
    Byte = 3,
    I16 = 4,
    I32 = 5,
    I64 = 6,
    Double = 7,
    Binary = 8,
    List = 9,
    Set = 10,
    Map = 11,
    Struct = 12,
}

(class_definition name: (identifier) @name) @class
(object_definition name: (identifier) @name) @class
(trait_definition name: (identifier) @name) @interface
(enum_definition name: (identifier) @name) @enum
(function_definition name: (identifier) @name) @function
(function_declaration name: (identifier) @name) @function
(type_definition name: (type_identifier) @name) @type

;; references
(package_clause name: (package_identifier) @package)
(import_declaration) @import
(call_expression function: [(identifier) @call (field_expression field: (identifier) @call)])
(extends_clause [(type_identifier) @base (generic_type (type_identifier) @base)])
[(comment) (block_comment)] @comment
(string) @string

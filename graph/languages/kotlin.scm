(class_declaration name: (identifier) @name) @class
(class_declaration "interface" name: (identifier) @name) @interface
(class_declaration (modifiers (class_modifier "enum")) name: (identifier) @name) @enum
(object_declaration name: (identifier) @name) @class
(function_declaration name: (identifier) @name) @function
(type_alias type: (identifier) @name) @type
(source_file (property_declaration (variable_declaration (identifier) @name)) @constant)
(property_declaration (variable_declaration (identifier) @name) (#match? @name "^[A-Z][A-Z0-9_]+$")) @constant

;; references
(package_header (qualified_identifier) @package)
(import) @import
(call_expression [(identifier) @call (navigation_expression (identifier) @call .)])
(delegation_specifier [
  (constructor_invocation (user_type (identifier) @base .))
  (user_type (identifier) @base .)
])
[(line_comment) (block_comment)] @comment
(string_content) @string
